// What is shown once leaves the document with the page, so that a browser which
// keeps pages for its Back button does not bring it back.
addEventListener("pagehide", () => {
  for (const shown of document.querySelectorAll(".fresh:has(.secret)")) shown.remove();
});
