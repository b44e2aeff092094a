// Package chart shows the recent past of the number behind an alert, as an
// alert.Chart has it: as a picture (Draw), as a line of text where a picture
// has no place (Sparkline), and in words (Words).
//
// The same chart always makes the same bytes. Nothing in a chart can make any
// of this fail: there may be no points, or gaps, or numbers of any size.
//
// A webhook takes 24 KiB with all that a card says, and a storm draws many
// charts at once. So a picture has a dozen colours, half a byte a pixel, and is
// drawn with golang.org/x/image alone: 4 KB in 3 ms. gonum.org/v1/plot took
// twice as long for a plainer one, and had no place for the names of the
// thresholds beside the line.
package chart
