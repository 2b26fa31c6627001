// The whole of a graph fits into its figure, and its letters are as large as its boxes.
// args: plot, texts (glyphs with the sizes of their letters), width, height, margin, largest
const x = plot.x_range, y = plot.y_range
if (cb_obj === plot && plot.inner_width && plot.inner_height) {
  const scale = Math.min(plot.inner_width / width, plot.inner_height / height, largest)
  const wide = plot.inner_width / scale, high = plot.inner_height / scale
  const left = (width - wide) / 2 - margin, top = -margin
  x.setv({start: left, end: left + wide, reset_start: left, reset_end: left + wide})
  y.setv({start: top + high, end: top, reset_start: top + high, reset_end: top})
}
if (plot.inner_width) {
  const scale = plot.inner_width / (x.end - x.start)
  for (const [glyph, size] of texts) {
    glyph.text_font_size = {value: `${Math.max(1, size * scale).toFixed(1)}px`}
  }
}
