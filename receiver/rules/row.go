package rules

// Row is what must survive a restart of one series. A nil State says that the
// series was forgotten.
type Row struct {
	Rule, Series string
	State        []byte
}
