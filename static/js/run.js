/* The page of a run: copies the command that repeats it. Polling is that of polling.js, curves those of curves.js. */

function show() {
  const button = document.querySelector("[data-copy]");
  if (button) button.hidden = false;
}

async function copy() {
  const command = document.querySelector("[data-command]");
  const answer = document.querySelector("[data-copied]");
  try {
    await navigator.clipboard.writeText(command.textContent);
    answer.textContent = "Copied.";
  } catch {
    // Without HTTPS a browser may refuse: the command is selected, so that the keyboard can copy it.
    getSelection().selectAllChildren(command);
    answer.textContent = "Your browser did not copy it. The command is selected: copy it with the keyboard.";
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-copy]")) copy();
});
document.addEventListener("htmx:afterSwap", show);
show();
