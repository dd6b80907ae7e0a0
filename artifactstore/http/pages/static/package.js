// The slider through the past of a package tells where it stands while it moves, and shows it when it is let go.
"use strict";
(() => {
  const form = document.querySelector("[data-as-of]");
  if (!form) return;
  const slider = form.elements.event;
  const output = form.querySelector("output");
  slider.addEventListener("input", () => { output.textContent = slider.value; });
  // With the keyboard every step is a change: the button is for those.
  slider.addEventListener("pointerup", () => {
    if (slider.value !== slider.defaultValue) form.requestSubmit();
  });
})();
