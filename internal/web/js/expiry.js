// The sentence under the expiration: which day the choice leads to.
for (const box of document.querySelectorAll("[data-expiry]")) {
  const select = box.querySelector("select");
  const date = box.querySelector("input[type=date]");
  const time = box.querySelector("input[type=time]");
  const text = box.querySelector("[data-expiry-text]");
  const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

  const say = () => {
    const option = select.selectedOptions[0];
    date.required = option.value === "custom";
    if (option.value === "none") {
      text.textContent = "The token will never expire.";
    } else if (option.value === "custom") {
      text.textContent = date.value ? `The token will expire on ${day.format(new Date(`${date.value}T00:00:00Z`))}${time.value ? `, at ${time.value} UTC` : ""}.` : "Choose the day on which the token will expire.";
    } else {
      text.textContent = `The token will expire on ${option.dataset.day}.`;
    }
  };
  select.addEventListener("change", say);
  date.addEventListener("change", say);
  time.addEventListener("change", say);
  say();
}
