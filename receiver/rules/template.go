package rules

// Template is a label or annotation of a rule: a Prometheus template.
type Template struct{ Name string }
