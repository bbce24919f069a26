// The secret leaves the document with the page, so that a browser which keeps
// pages for its Back button does not bring it back.
addEventListener("pagehide", () => {
  for (const secret of document.querySelectorAll(".secret")) secret.remove();
});
