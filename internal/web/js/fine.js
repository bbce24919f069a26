// The form for a fine-grained token: another resource owner at once, repositories
// found while one types, and what is counted. Without script the buttons "Choose"
// and "Search" load the form again, and nothing is counted.
const form = document.querySelector("[data-fine]");
const owner = form.querySelector("[data-owner]");
const find = form.querySelector("[data-find]");
const boxes = [...form.querySelectorAll("input[name=repositories]")];
const chosen = form.querySelector("[data-chosen]");
const overview = form.querySelector("[data-overview]");
const plural = (n, one, many) => `${n} ${n === 1 ? one : many}`;

// Taken out, so that Enter in a field sends the form and does not press them.
const [choose, search] = [owner, find].map((field) => {
  const button = field?.parentElement.querySelector("[data-again]");
  button?.remove();
  return button;
});
const again = (button) => {
  button.hidden = true;
  form.append(button);
  form.requestSubmit(button);
};

owner?.addEventListener("change", () => {
  for (const box of boxes) box.disabled = true; // they are another's
  if (find) find.disabled = true;
  again(choose);
});

find?.addEventListener("input", () => {
  const text = find.value.trim().toLowerCase();
  for (const box of boxes) {
    const name = box.value.slice(box.value.indexOf("/") + 1).toLowerCase();
    box.parentElement.hidden = !box.checked && !name.includes(text);
  }
});
for (const kind of ["keydown", "keypress"]) {
  find?.addEventListener(kind, (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (kind === "keydown" && ("more" in find.dataset || find.defaultValue)) again(search); // not all of them are listed
  });
}

const access = () => form.querySelector("input[name=access]:checked")?.value;
const count = () => {
  const ticked = boxes.filter((box) => box.checked).length;
  if (chosen) {
    chosen.hidden = false;
    chosen.textContent = `${ticked} of at most 50 chosen`;
  }
  const where = { none: "public repositories alone", all: "all repositories", selected: plural(ticked, "repository", "repositories") }[access()];
  const given = [...form.querySelectorAll("[data-group]")].map((group) => {
    const off = group.dataset.group === "repository" && access() === "none";
    const n = off ? 0 : [...group.querySelectorAll("select")].filter((s) => s.value).length + (group.dataset.group === "repository" ? 1 : 0);
    return plural(n, `${group.dataset.group} permission`, `${group.dataset.group} permissions`);
  });
  overview.hidden = false;
  const text = `${given.join(", ")}, for ${where}.${owner ? " The token can be used as soon as it is generated." : ""}`;
  const place = overview.querySelector("[data-overview-text]");
  if (place.textContent !== text) place.textContent = text;
};
form.addEventListener("change", count);
count();
