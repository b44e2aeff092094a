// Package chart shows the recent past of the number behind an alert, as an
// alert.Chart has it: as a picture (Draw), as a line of text where a picture
// has no place (Sparkline), and in words (Words).
//
// The same chart always makes the same bytes. Nothing in a chart can make any
// of this fail: there may be no points, or gaps, or numbers of any size.
package chart
