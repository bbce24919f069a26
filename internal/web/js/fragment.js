// A link from a mail carries its secret after the "#", which browsers never send, and
// may lead here first. The form takes it along: after signing in, the browser hands it
// on to the page that the link is for. It does not stay in the address bar.
const form = document.querySelector("form[action='/login']");

if (form && location.hash.length > 1) {
  form.setAttribute("action", "/login" + location.hash);
  history.replaceState(null, "", location.pathname + location.search);
}
