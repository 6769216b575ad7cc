"use strict";
(() => {
  const LENS_PX = 160;

  for (const pair of document.querySelectorAll(".pair")) {
    const figure = pair.closest("figure");
    const told = figure.querySelector(".told");
    const after = pair.querySelector(".after");
    const lens = pair.querySelector(".lens");

    // Left of the line is the picture before, right of it the one after.
    const divide = (percent) => {
      const at = Math.min(100, Math.max(0, percent));
      pair.style.setProperty("--at", `${at}%`);
      pair.ariaValueNow = Math.round(at);
      if (told) told.textContent = at >= 100 ? "before" : at <= 0 ? "after" : `before ${Math.round(at)} %`;
    };
    const place = (event) => {
      const { left, width } = pair.getBoundingClientRect();
      return (100 * (event.clientX - left)) / width;
    };

    if (after) {
      pair.addEventListener("pointerdown", (event) => {
        pair.setPointerCapture(event.pointerId);
        divide(place(event));
      });
      pair.addEventListener("pointermove", (event) => {
        if (pair.hasPointerCapture(event.pointerId)) divide(place(event));
      });
      pair.addEventListener("keydown", (event) => {
        const now = Number(pair.ariaValueNow);
        const to = { ArrowLeft: now - 5, ArrowRight: now + 5, Home: 0, End: 100, " ": now > 0 ? 0 : 100 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        divide(to);
      });
      figure.querySelector('[data-do="before"]').addEventListener("click", () => divide(100));
      figure.querySelector('[data-do="after"]').addEventListener("click", () => divide(0));
    }

    const boxes = figure.querySelector('[data-do="boxes"]');
    const show = () => pair.classList.toggle("no-boxes", !boxes.checked);
    boxes.addEventListener("change", show);
    show(); // a reloaded page keeps its checks

    // Both pictures around the pointer, a pixel a pixel.
    const magnify = figure.querySelector('[data-do="lens"]');
    const images = [...pair.querySelectorAll("img")];
    pair.addEventListener("pointermove", (event) => {
      lens.hidden = !magnify.checked;
      if (lens.hidden) return;
      const { left, top, width, height } = pair.getBoundingClientRect();
      const x = (event.clientX - left) / width;
      const y = (event.clientY - top) / height;
      lens.style.left = `${100 * x}%`;
      lens.style.top = `${100 * y}%`;
      [...lens.children].forEach((glass, number) => {
        const image = images[number];
        glass.hidden = !image;
        if (!image) return;
        glass.style.backgroundImage = `url("${image.src}")`;
        glass.style.backgroundPosition =
          `${LENS_PX / 2 - x * image.naturalWidth}px ${LENS_PX / 2 - y * image.naturalHeight}px`;
      });
    });
    pair.addEventListener("pointerleave", () => (lens.hidden = true));
  }
})();
