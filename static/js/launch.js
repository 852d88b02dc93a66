/* The launch form shows the data sets of the chosen task and the languages of the chosen data sets alone.

What is hidden is disabled, too, so that it is not sent. A language that the page came with as chosen stays, so that the
plan can say what it lacks. Without this script the server refuses what has no data.
*/

const task = document.querySelector("[name=task]");
const LANGUAGES = { feedback: "sources", prompts: "targets" };

function show(part, input, visible) {
  part.hidden = !visible;
  input.disabled = !visible;
}

function offerDatasets(list) {
  const choices = [...list.querySelectorAll("[data-task]")];
  for (const choice of choices) show(choice, choice.querySelector("input"), choice.dataset.task === task.value);
  const visible = choices.filter((choice) => !choice.hidden);
  const none = list.querySelector("[data-none]");
  if (none) none.hidden = !choices.length || visible.length > 0;
  const free = list.querySelector("[data-free] input"); // to choose nothing
  const chosen = visible.find((choice) => choice.querySelector("input").checked) ?? (free ? undefined : visible[0]);
  const input = chosen?.querySelector("input") ?? free;
  if (input) input.checked = true;
  return chosen;
}

function offerLanguages(name, dataset) {
  const counts = dataset ? [...dataset.querySelectorAll("[data-language]")] : [];
  const tags = new Set(counts.map((count) => count.dataset.language));
  for (const input of document.querySelectorAll(`[name=${name}]`)) {
    show(input.closest("div"), input, tags.has(input.value) || input.defaultChecked);
  }
}

function offer() {
  for (const list of document.querySelectorAll("[data-choices]")) {
    const dataset = offerDatasets(list);
    if (LANGUAGES[list.dataset.choices]) offerLanguages(LANGUAGES[list.dataset.choices], dataset);
  }
}

addEventListener("pageshow", offer); // also after the way back, when the browser has filled in the form
document.addEventListener("change", offer);

// The plan comes by itself; the button is for pages without scripts.
document.querySelector("[data-show-plan]").hidden = true;
document.addEventListener("htmx:sendError", () => {
  document.querySelector("[data-show-plan]").hidden = false;
});
