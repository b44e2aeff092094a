package card

import "time"

// payloadSamples are cards that other programs made, the old kind and the new.
func payloadSamples(now time.Time) []Sample {
	const card = "payload"
	made := func(program, sample string) Input {
		m := member(now, map[string]string{"alertname": "Card"}, nil)
		m.Event = sampleEvent(sample)
		return story(program, now, m)
	}
	return []Sample{
		sampleOf(card, "of a MessageCard", made("backup", "payload-messagecard")),
		sampleOf(card, "of a card in a message", made("builds", "payload-message")),
	}
}
