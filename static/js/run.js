/* The page of a run replaces its live part every two seconds: whoever has scrolled back in the log stays there. */

let place = 0; // 0 is the newest line, because the log runs from bottom to top

const log = () => document.querySelector("[data-log]");

document.addEventListener("htmx:beforeSwap", () => {
  place = log()?.scrollTop ?? 0;
});

document.addEventListener("htmx:afterSwap", () => {
  if (place && log()) log().scrollTop = place;
});
