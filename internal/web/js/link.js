// One-use links carry their secret after the "#", which browsers never send.
// It is moved into the form and taken out of the address bar and the history.
// While a form with a mistake in it goes to the server and comes back, the tab
// keeps the secret: the server does not write it into the page.
const field = document.querySelector("input[data-link-secret]");
const kept = `link ${location.pathname}`;

function take() {
  const secret = location.hash.slice(1) || sessionStorage.getItem(kept);
  sessionStorage.removeItem(kept);
  if (!field || !secret) return;
  field.value = secret;
  field.closest("[data-link-field]").hidden = true;
  history.replaceState(null, "", location.pathname + location.search);
  document.querySelector("[aria-invalid=true]:not([data-link-secret]), [data-link-next]")?.focus();
}

// An answer that finds fault with the link itself asks for another one.
if (field?.getAttribute("aria-invalid") === "true") sessionStorage.removeItem(kept);
take();
addEventListener("hashchange", take);
field?.form.addEventListener("submit", () => sessionStorage.setItem(kept, field.value));
