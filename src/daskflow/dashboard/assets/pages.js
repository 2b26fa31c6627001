// What is clicked in the pages' markup goes to the server, and colours follow the page's ground.
// `cb_obj` is the document that has become ready.
const home = document.documentElement

function tell(what) {
  for (const one of Bokeh.documents) {
    const intent = one.get_model_by_name("daskflow-intent")
    if (intent) intent.value = JSON.stringify({...what, at: performance.now()})
  }
}

function follow_ground() {
  const shown = getComputedStyle(home).backgroundColor.match(/[\d.]+/g).map(Number)
  const is_dark = shown[3] !== 0 && shown[0] + shown[1] + shown[2] < 384
  const was_dark = home.classList.contains("daskflow-dark")
  home.classList.toggle("daskflow-dark", is_dark)
  if (is_dark !== was_dark) tell({ground: is_dark ? "dark" : "light"})
}

if (!window.daskflow_pages) {
  window.daskflow_pages = true
  document.addEventListener("click", (event) => {
    const found = event.composedPath().find((one) => one.dataset && one.dataset.ask)
    if (found) tell(JSON.parse(found.dataset.ask))
  })
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow_ground)
}
follow_ground()
