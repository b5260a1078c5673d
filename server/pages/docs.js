/** The page at /docs: shows the OpenAPI document with Swagger UI, in the colours that the reader's system asks for. */
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
colour();
dark.addEventListener("change", colour);

const calls = document.getElementById("calls");
const row = /^#problem-\w+$/.test(location.hash) ? document.getElementById(location.hash.slice(1)) : null;
globalThis.SwaggerUIBundle({
  url: calls.dataset.document,
  domNode: calls,
  // It would take the name of a problem for that of a call.
  deepLinking: row === null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // Nobody else checks the document.
  validatorUrl: null,
});

// The type of a problem leads to its row, which the calls above it move down as they come.
if (row !== null) {
  const observer = new ResizeObserver(() => row.scrollIntoView());
  observer.observe(calls);
  for (const name of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    addEventListener(name, () => observer.disconnect(), { once: true, passive: true });
  }
}
