package teamstest

import "time"

// Window allows a number of requests in a span of time.
type Window struct {
	Requests int
	Per      time.Duration
}

// RealThrottle is what Teams allows a webhook: 4 requests in a second
// (teams-platform §1.4).
var RealThrottle = []Window{{Requests: 4, Per: time.Second}}

// BotThrottle is what the connector takes, for each conversation by itself and
// for all of them together. What has no window is not counted.
type BotThrottle struct {
	Send    []Window // posting, editing and deleting
	Create  []Window // creating conversations: a channel's threads, a user's chat
	Members []Window
	List    []Window // the channels of a team
	Tenant  []Window // everything, in all conversations
}

// RealBotThrottle is what Microsoft allows a bot (teams-platform §3.1, §3.2).
var RealBotThrottle = BotThrottle{
	Send:    windows(7, 8, 60, 1800),
	Create:  windows(7, 8, 60, 1800),
	Members: windows(14, 16, 120, 3600),
	List:    windows(14, 16, 120, 3600),
	Tenant:  []Window{{50, time.Second}},
}

// windows are those of Microsoft's table: of 1, 2, 30 and 3600 seconds.
func windows(one, two, thirty, hour int) []Window {
	return []Window{{one, time.Second}, {two, 2 * time.Second}, {thirty, 30 * time.Second}, {hour, time.Hour}}
}

// meter counts requests.
type meter struct {
	taken []time.Time // inside the longest window
}

// admit counts a request against the windows and returns how long to stay away
// when it does not fit. Only what was taken counts.
func (m *meter) admit(windows []Window, now time.Time) (wait time.Duration, ok bool) {
	var longest time.Duration
	for _, window := range windows {
		longest = max(longest, window.Per)
	}
	for len(m.taken) > 0 && now.Sub(m.taken[0]) >= longest {
		m.taken = m.taken[1:]
	}
	for _, window := range windows {
		if len(m.taken) < window.Requests {
			continue
		}
		// There is room once the request that many back has left the window.
		oldest := m.taken[len(m.taken)-window.Requests]
		wait = max(wait, window.Per-now.Sub(oldest))
	}
	if wait > 0 {
		return wait, false
	}
	if longest > 0 {
		m.taken = append(m.taken, now)
	}
	return 0, true
}
