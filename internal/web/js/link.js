// One-use links carry their secret after the "#", which browsers never send.
// It is moved into the form and taken out of the address bar and the history.
// A form that comes back with a mistake in it holds its link already.
const field = document.querySelector("input[data-link-secret]");

function take() {
  const secret = location.hash.slice(1);
  if (secret) {
    field.value = secret;
    history.replaceState(null, "", location.pathname + location.search);
  }
  if (!field.value) return;
  field.closest("[data-link-field]").hidden = true;
  document.querySelector("[aria-invalid=true]:not([data-link-secret]), [data-link-next]")?.focus();
}

if (field) {
  take();
  addEventListener("hashchange", take);
}
