/* The launch form shows the data sets of the chosen task and the languages of the chosen data sets alone.

What is hidden is disabled, too, so that it is not sent. Without this script the server refuses what has no data.
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
  list.querySelector("[data-none]").hidden = !choices.length || visible.length > 0;
  const chosen = visible.find((choice) => choice.querySelector("input").checked) ?? visible[0];
  if (chosen) chosen.querySelector("input").checked = true;
  return chosen;
}

function offerLanguages(name, dataset) {
  const counts = dataset ? [...dataset.querySelectorAll("[data-language]")] : [];
  const tags = new Set(counts.map((count) => count.dataset.language));
  for (const input of document.querySelectorAll(`[name=${name}]`)) {
    show(input.closest("div"), input, tags.has(input.value));
  }
}

function offer() {
  for (const list of document.querySelectorAll("[data-choices]")) {
    offerLanguages(LANGUAGES[list.dataset.choices], offerDatasets(list));
  }
}

addEventListener("pageshow", offer); // also after the way back, when the browser has filled in the form
document.addEventListener("change", offer);
