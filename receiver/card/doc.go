// Package card makes Adaptive Cards: from a group's alerts, or from many groups
// at once, with templates that users may replace.
//
// The way of a card:
//
//	group ─► Story ─► template ─► text and values, apart ─► assembler ─► tree ─► checker ─► fit ─► bytes
//	         words                 (rewrite, render)         (escapes)           (drops,    (reductions)
//	                                                                              refuses)
//
// Values and the template's own text never mix before the assembler knows
// where in the JSON a value lands, so no data can pass for the author's text.
// Whatever goes wrong on that way, Render returns a card: the minimal one,
// which is built here and cannot fail.
package card
