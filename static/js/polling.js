/* Parts of a page that are polled: what a person does there survives a swap, and a lost connection is told.

htmx goes on polling after an error. An answer that is older than what is shown is dropped; both carry the
server's time in data-as-of. While somebody has selected text in a part, it is left as it is.
*/

const PLACES = "[data-place]"; // parts that scroll; a log runs from bottom to top, so that 0 is its newest line

const notice = document.querySelector("[data-connection]");
let places = new Map();
let open = [];

function tell(problem) {
  for (const part of notice?.querySelectorAll("[data-problem]") ?? []) part.hidden = part.dataset.problem !== problem;
}

function isElsewhere({ xhr, pathInfo }) {
  return new URL(xhr.responseURL).pathname !== new URL(pathInfo.finalRequestPath, location.href).pathname;
}

function isOlder({ target, serverResponse }) {
  const [, asOf] = serverResponse.match(/data-as-of="([\d.]+)"/) ?? [];
  return Number(asOf) < Number(target.dataset.asOf);
}

function isBeingRead(target) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(target, true);
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.isError) return;
  const signedOut = isElsewhere(detail);
  tell(signedOut ? "signed-out" : null);
  if (signedOut || isOlder(detail) || isBeingRead(detail.target)) detail.shouldSwap = false;
  places = new Map();
  for (const { dataset, scrollTop, scrollLeft } of document.querySelectorAll(PLACES)) {
    places.set(dataset.place, { scrollTop, scrollLeft });
  }
  open = [...document.querySelectorAll("details[open][id]")].map((part) => part.id);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const part of document.querySelectorAll(PLACES)) Object.assign(part, places.get(part.dataset.place));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
});

for (const problem of ["sendError", "responseError", "timeout"]) {
  document.addEventListener(`htmx:${problem}`, () => tell("lost"));
}
