/* The judging page: keys press the answer buttons; an answer that could not be sent is sent again until it is saved.

Each answer is one POST, and its reply takes the place of the form, so nothing outlives a comparison but the
state below. The server stores the same answer once, however often it arrives.
*/

const FIRST_WAIT = 1; // seconds
const LONGEST_WAIT = 30;

const state = { button: null, attempts: 0, renewed: false, timer: 0, seen: 0, since: 0 };

const form = () => document.getElementById("judging");
const buttons = () => [...form().querySelectorAll("button[type=submit]")];

/* The digit or letter that was meant: what the key types, or where that is no Latin character, its place. */
function symbolOf(event) {
  if (/^[0-9a-z]$/i.test(event.key)) return event.key.toLowerCase();
  if ([...event.key].length > 1 && event.key !== "Process") return ""; // Enter, End on a numpad, dead keys
  return /^(?:Digit|Numpad|Key)([0-9A-Z])$/.exec(event.code)?.[1].toLowerCase() ?? "";
}

function isForUs(event) {
  const chord = event.ctrlKey || event.altKey || event.metaKey;
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  return !(chord || typing || event.repeat || event.isComposing || event.defaultPrevented);
}

function press(event) {
  const symbol = isForUs(event) && symbolOf(event);
  const button = symbol && form()?.querySelector(`button[data-key="${symbol}"]`);
  if (!button) return;
  event.preventDefault();
  button.click();
}

/* Seconds for which the comparison was on screen: a hidden page does not count. */
function watch() {
  if (document.hidden) {
    if (state.since) state.seen += performance.now() - state.since;
    state.since = 0;
  } else if (!state.since) {
    state.since = performance.now();
  }
}

function noteSeconds() {
  const field = form().elements.seconds;
  if (!field || field.value) return; // sent again: the first time counts
  const running = state.since ? performance.now() - state.since : 0;
  field.value = ((state.seen + running) / 1000).toFixed(1);
}

function show(name) {
  for (const part of form().querySelectorAll("[data-save]")) part.hidden = part.dataset.save !== name;
}

function lock(button) {
  for (const each of buttons()) {
    each.classList.toggle("answer--given", each === button);
    each.disabled = true;
  }
  form().setAttribute("aria-busy", "true");
}

function sendAgain() {
  clearTimeout(state.timer);
  if (!state.button?.isConnected) return;
  state.button.disabled = false;
  state.button.click();
}

function retryLater() {
  let wait = Math.min(FIRST_WAIT * 2 ** (state.attempts - 1), LONGEST_WAIT);
  const count = form().querySelector("[data-wait]");
  show("retrying");
  (function tick() {
    if (count) count.textContent = wait ? ` in ${wait} ${count.dataset.wait}` : "…";
    if (wait) state.timer = setTimeout(tick, 1000);
    else sendAgain();
    wait -= 1;
  })();
}

/* Signing in makes the protection tokens of open pages old ones: send again with that of a new page. */
async function sendRenewed(otherwise) {
  show("saving");
  const reply = await fetch(location.href).catch(() => null);
  const page = new DOMParser().parseFromString(reply ? await reply.text() : "", "text/html");
  const token = page.querySelector("#judging [name=csrfmiddlewaretoken]")?.value;
  if (!token) return otherwise();
  for (const field of document.getElementsByName("csrfmiddlewaretoken")) field.value = token;
  sendAgain();
}

/* The answer waits here until somebody has signed in. */
function waitForSignIn() {
  state.attempts = 1;
  show("signed-out");
}

/* The server understood and said no: show its sentence. */
function refuse(reply) {
  const page = new DOMParser().parseFromString(reply, "text/html");
  const sentence = page.querySelector("[data-sentence]")?.textContent.trim();
  if (sentence) form().querySelector("[data-sentence]").textContent = sentence;
  state.button = null;
  form().querySelector("[data-go-on]").disabled = false;
  form().removeAttribute("aria-busy");
  show("refused");
}

/* A new comparison stands there: start its clock, and let a reader start at its heading. */
function arrive() {
  clearTimeout(state.timer);
  Object.assign(state, { button: null, attempts: 0, renewed: false, seen: 0, since: 0 });
  watch();
  form().querySelector("[data-heading]")?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

document.addEventListener("keydown", press);
addEventListener("pageshow", (event) => event.persisted && location.reload()); // the way back shows no old form
document.addEventListener("visibilitychange", watch);
addEventListener("online", () => state.attempts && sendAgain());
addEventListener("beforeunload", (event) => state.attempts && event.preventDefault());

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-retry]")) sendAgain();
  if (event.target.closest("[data-renew]")) sendRenewed(waitForSignIn);
});

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  state.button = event.submitter;
  noteSeconds();
}, true); // before htmx reads the fields

document.addEventListener("htmx:beforeSend", () => {
  clearTimeout(state.timer);
  lock(state.button);
  show(state.attempts ? "retrying" : "saving");
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => {
    state.attempts += 1;
    retryLater();
  });
}

document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  const passes = status >= 500 || status === 429;
  state.attempts = passes ? state.attempts + 1 : 0;
  if (passes) {
    retryLater();
  } else if (status === 403 && !state.renewed) {
    state.renewed = true;
    sendRenewed(() => refuse(responseText));
  } else {
    refuse(responseText);
  }
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, isError } = event.detail;
  if (isError || xhr.response.includes('id="judging"')) return;
  event.detail.shouldSwap = false; // another page
  if (new URL(xhr.responseURL).pathname === form().querySelector("[data-sign-in]").pathname) {
    waitForSignIn();
  } else {
    state.attempts = 0;
    location.assign(xhr.responseURL);
  }
});

document.addEventListener("htmx:afterSwap", arrive);

watch();
