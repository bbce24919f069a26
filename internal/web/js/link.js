// One-use links carry their secret after the "#", which browsers never send.
// It is moved into the form and taken out of the address bar and the history.
const field = document.querySelector("input[data-link-secret]");
const secret = location.hash.slice(1);
if (field && secret) {
  field.value = secret;
  field.closest("[data-link-field]").hidden = true;
  history.replaceState(null, "", location.pathname + location.search);
  const next = document.querySelector("[data-link-next]");
  next?.focus();
}
