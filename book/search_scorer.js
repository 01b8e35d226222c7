// What the search puts first: the chapter that treats a subject, then the recipe, then the
// glossary. Reference pages name everything and explain little. The numbers below are Sphinx's
// own; entries of the index score up to 100, titles up to 16, words of the text 5.
if (typeof DOCUMENTATION_OPTIONS !== "undefined" && location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false; // a file may not fetch another one
}
var Scorer = {
  weights: [
    [/^notebooks\//, 4],
    [/^book\/recipes\//, 2],
    [/^book\/(api|claims|performance|references|scoreboard)$/, 0.2],
  ],
  score: ([docname, title, anchor, descr, score]) => {
    const found = Scorer.weights.find(([pages]) => pages.test(docname));
    return score * (found ? found[1] : 1);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
