package dashboard

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/trace"
)

// maxQuestion is how long what somebody looks up may be, in characters: as long as a name in a report.
const maxQuestion = schema.MaxConversionText

// lookUp tells why something was credited or was not: a partner as much as is theirs of it, the team everything. What
// was typed in travels in the form's body, as it may be a customer's e-mail address; only ids of reports stand in
// addresses.
func (d *Dashboard) lookUp(r *request) (reply, error) {
	q, err := lookedUp(r)
	if err != nil {
		return reply{}, err
	}
	v := templates.Lookup{Shell: d.shell(r, "Why was this not credited?"), Team: r.who.Login.Role == schema.RoleAdmin, Limit: maxQuestion}
	if q.As == "" {
		v.Question = q.Text
	}
	if q.Text == "" {
		if r.Method == http.MethodPost {
			v.Alert = "Type in what you want to know about."
			return reply{status: http.StatusUnprocessableEntity, page: v}, nil
		}
		return reply{page: v}, nil
	}
	if utf8.RuneCountInString(q.Text) > maxQuestion || strings.ContainsRune(q.Text, 0) {
		v.Alert = "That is too long to be one of the things that can be looked up."
		return reply{status: http.StatusUnprocessableEntity, page: v}, nil
	}
	wait, err := d.limits.lookUp(r.Context(), r.who.Login.ID)
	if err != nil {
		return reply{}, away(err)
	}
	if wait > 0 {
		v.Alert = "That were many at once. Try again in " + minutes(wait) + "."
		return reply{status: http.StatusTooManyRequests, page: v, retryAfter: wait}, nil
	}
	var s trace.Story
	if v.Team {
		s, err = d.stories.Read(r.Context(), q)
	} else {
		s, err = d.stories.ReadFor(r.Context(), r.who.Partner.ID, q)
	}
	if err != nil && !isAway(err) {
		return reply{}, err
	}
	if err != nil {
		d.log.Warn("a story cannot be read", "err", err)
		v.Away = true
		return reply{status: http.StatusServiceUnavailable, page: v}, nil
	}
	v.Fresh = clock{completeTo: s.CompleteTo, completeDay: schema.DayOf(s.CompleteTo, r.zone)}.fresh(r)
	v.Asked, v.Answer, v.More = s.Question, s.Answer, s.More
	for _, c := range s.Counts {
		v.Counts = append(v.Counts, c.Text)
	}
	for _, e := range s.Events {
		v.Events = append(v.Events, storyEvent(r, e, v.Team))
	}
	return reply{page: v}, nil
}

// lookedUp is what a request asks for.
func lookedUp(r *request) (trace.Question, error) {
	if r.Method != http.MethodPost {
		return trace.Question{Text: strings.TrimSpace(r.URL.Query().Get("conversion")), As: trace.AsConversion}, nil
	}
	if err := r.ParseForm(); err != nil {
		return trace.Question{}, badForm(err)
	}
	return trace.Question{Text: strings.TrimSpace(r.PostForm.Get("q"))}, nil
}

// storyEvent is a line of a story. A partner is told the day only of what is not theirs: it stands at the day's beginning.
func storyEvent(r *request, e trace.Event, team bool) templates.StoryEvent {
	at := e.At.In(r.zone)
	out := templates.StoryEvent{When: at.Format("2 January 2006, 15:04:05"), Machine: e.At.UTC().Format(time.RFC3339), Text: e.Text}
	if !team && e.At.Equal(schema.DayOf(e.At, r.zone).Period(r.zone).From) {
		out.When, out.Machine = at.Format("2 January 2006"), at.Format(time.DateOnly)
	}
	switch {
	case e.Click != nil:
		out.Label = "Click"
	case e.Claim != nil:
		out.Label = "Referral claim"
	case e.Report != nil:
		out.Label = kindNames[e.Report.Kind]
		if team {
			out.Source, out.ID = string(e.Report.Source), e.Report.ID
		}
	}
	if e.Decision != nil && e.Decision.State != "" {
		out.State, out.Tone = string(e.Decision.State), stateTone(e.Decision.State)
	}
	return out
}

// stateTone is the class of the tag that shows what came of a report.
func stateTone(s schema.AttributionState) string {
	switch s {
	case schema.StateCounted:
		return "accent"
	case schema.StateConflict, schema.StateUnattributed:
		return "bad"
	case schema.StateReview, schema.StateWaiting, schema.StateHeld:
		return "warn"
	}
	return ""
}
