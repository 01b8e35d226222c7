"""Write the numbers that chapters glue into prose with a minus sign, not a hyphen."""

import re

from docutils import nodes

NEGATIVE = re.compile(r"(?<![\w−-])-(?=[\d.])")


def write_minus_signs(app, doctree, docname):
    """Replace the hyphen before a glued number."""
    for inline in doctree.findall(nodes.inline):
        if "pasted-text" in inline["classes"]:
            text = NEGATIVE.sub("−", inline.astext())
            inline.children = []
            inline += nodes.Text(text)


def setup(app):
    """Register the replacement with Sphinx, after glued numbers are in place."""
    app.connect("doctree-resolved", write_minus_signs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
