/* The choice between light colours, dark colours and those of the system, kept in a cookie for the server. */

const MEDIA = { auto: "screen and (prefers-color-scheme: dark)", light: "not all", dark: "screen" };
const CHOICES = Object.keys(MEDIA);
const YEAR = 60 * 60 * 24 * 365;

const root = document.documentElement;
const sheet = document.querySelector("link[data-dark-sheet]");
const button = document.querySelector("[data-theme-switch]");

const chosen = () => (CHOICES.includes(root.dataset.theme) ? root.dataset.theme : "auto");

function label() {
  const words = button.dataset[chosen()];
  button.title = words;
  button.setAttribute("aria-label", words);
}

function choose(theme) {
  root.dataset.theme = theme;
  sheet.media = MEDIA[theme];
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR}; samesite=lax`;
  label();
}

if (button && sheet) {
  label();
  button.hidden = false;
  button.addEventListener("click", () => choose(CHOICES[(CHOICES.indexOf(chosen()) + 1) % CHOICES.length]));
}
