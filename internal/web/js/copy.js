// Copy buttons. The server leaves them hidden: without script they could do
// nothing. The outcome is told to eyes on the button and to screen readers in
// the page's one polite live region.
const live = document.getElementById("live");

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) continue;
  const label = button.querySelector("span") ?? button;
  const before = label.textContent;
  let timer = 0;
  button.hidden = false;
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    } catch {
      said = "Select and copy";
      getSelection()?.selectAllChildren(source);
    }
    label.textContent = said;
    if (live) live.textContent = said;
    clearTimeout(timer);
    timer = setTimeout(() => {
      label.textContent = before;
      if (live) live.textContent = "";
    }, 3000);
  });
}
