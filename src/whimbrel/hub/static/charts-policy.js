// Before Plotly: it sets styles where this page's policy allows none, so it is shown the ways that are allowed.
// A style attribute becomes the same through the object model; a style element becomes one that does nothing,
// since its rules are in charts.css.
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "style") this.style.cssText = value;
  else setAttribute.call(this, name, value);
};
const createElement = Document.prototype.createElement;
Document.prototype.createElement = function (name, ...rest) {
  return createElement.call(this, name === "style" ? "template" : name, ...rest);
};
