package alert

import (
	"encoding/json"
	"math"
	"time"
)

// Chart is the recent past of the number behind an alert.
type Chart struct {
	Field string        `json:"f"`
	From  time.Time     `json:"s"` // when the first point begins
	Step  time.Duration `json:"d"` // how long each point is
	// Points are means, one a step; NaN where nothing was measured. There are
	// none where the rule keeps no past: then only the thresholds are known.
	Points Points `json:"p,omitempty"`
	// Thresholds are the numbers that the rule's levels compare the field
	// with, the highest level first.
	Thresholds []Threshold `json:"t,omitempty"`
}

// Threshold is a line in a chart.
type Threshold struct {
	Severity string  `json:"s,omitempty"`
	Value    float64 `json:"v"`
	// Below: what lies under the line is bad, not what lies over it.
	Below bool `json:"b,omitempty"`
	// Of is the name among the alert's Values of what is compared with it, as
	// in mean(temp_c, 5m); "" where that is the chart's field itself.
	Of string `json:"o,omitempty"`
}

// Points are numbers with gaps: NaN, which JSON writes as null.
type Points []float64

// MarshalJSON writes null for gaps.
func (p Points) MarshalJSON() ([]byte, error) {
	list := make([]*float64, len(p))
	for i := range p {
		if !math.IsNaN(p[i]) && !math.IsInf(p[i], 0) {
			list[i] = &p[i]
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Points) UnmarshalJSON(data []byte) error {
	var list []*float64
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*p = make(Points, len(list))
	for i, v := range list {
		(*p)[i] = math.NaN()
		if v != nil {
			(*p)[i] = *v
		}
	}
	return nil
}
