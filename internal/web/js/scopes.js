// The scope tree: ticking a parent ticks and locks its children. Without
// script the server does the same when it reads the form.
const live = document.getElementById("live");

for (const group of document.querySelectorAll("[data-scopes]")) {
  const parent = group.querySelector("[data-parent]");
  const children = [...group.querySelectorAll("[data-child]")];
  if (!parent || children.length === 0) continue;

  const own = new Map(children.map((c) => [c, c.checked]));
  const apply = () => {
    for (const child of children) {
      child.checked = parent.checked || own.get(child);
      child.disabled = parent.checked;
    }
  };
  for (const child of children) {
    child.addEventListener("change", () => own.set(child, child.checked));
  }
  parent.addEventListener("change", () => {
    apply();
    if (live) {
      const names = children.map((c) => c.value).join(", ");
      live.textContent = parent.checked ? `${parent.value} includes ${names}` : `${names} can be chosen one by one`;
    }
  });
  apply();
}
