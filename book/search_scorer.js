// What the search puts first: the chapter that treats a subject, then the recipe, then the
// glossary. Reference pages name everything and explain little. The numbers at the end are
// Sphinx's own; entries of the index score up to 100, titles up to 16, words of the text 5.
if (typeof DOCUMENTATION_OPTIONS !== "undefined" && location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false; // a file may not fetch another one
}
var Scorer = {
  weights: [
    [/^notebooks\//, 4],
    [/^book\/recipes\//, 2],
    [/^book\/(api(\/\w+)?|claims|performance|references|scoreboard)$/, 0.2],
  ],
  // An entry of the index leads to a section: say which, and call the first one the page.
  name: (result) => {
    const [docname, title, anchor, descr] = result;
    if (!anchor || descr !== null || title.includes(" > ")) return;
    const here = ([file, id]) => `#${id}` === anchor && Search._index.docnames[file] === docname;
    const found = Object.entries(Search._index.alltitles).find(([, places]) => places.some(here));
    const term = anchor.startsWith("#term-") && anchor.slice(6).replaceAll("-", " ");
    const section = found ? found[0] : term;
    if (section) result[1] = `${title} > ${section}`;
    else result[2] = "";
  },
  score: (result) => {
    const found = Scorer.weights.find(([pages]) => pages.test(result[0]));
    Scorer.name(result);
    if (result[0].startsWith("book/recipes/") && !result[1].includes(" > "))
      result[1] = `${result[1]} (recipe)`; // a chapter may have the same name
    if (location.protocol === "file:" && typeof ABSTRACTS !== "undefined" && !result[3])
      result[3] = ABSTRACTS[result[0]] || null;
    return result[4] * (found ? found[1] : 1);
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
