package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/dashboard/figures"
	"fairlead/dashboard/period"
	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// frame is what every page has around it.
func (d *Dashboard) frame(r *request, title string) templates.Frame {
	f := templates.Frame{Title: title, Program: r.program.Name, Demo: r.program.Demo, Theme: templates.ThemeAuto, Path: "/"}
	if isPage(r.URL.Path) {
		f.Path = r.URL.RequestURI()
	}
	if c, err := r.Cookie(cookieName(themeCookie, d.secure)); err == nil && isTheme(c.Value) {
		f.Theme = templates.Theme(c.Value)
	}
	return f
}

// shell is the frame of somebody who is logged in.
func (d *Dashboard) shell(r *request, title string) templates.Shell {
	s := templates.Shell{
		Frame:   d.frame(r, title),
		Heading: title,
		Nav:     navigation(r.who, r.URL.Path),
		Name:    r.who.Partner.Name,
		Email:   r.who.Login.Email,
	}
	if s.Name == "" {
		s.Name, _, _ = strings.Cut(s.Email, "@")
	}
	first, _ := utf8.DecodeRuneInString(s.Name)
	s.Initial = string(unicode.ToUpper(first))
	return s
}

const themeCookie = "fairlead_theme"

func isTheme(s string) bool {
	switch templates.Theme(s) {
	case templates.ThemeAuto, templates.ThemeLight, templates.ThemeDark:
		return true
	}
	return false
}

// chooseTheme remembers how light pages are to be on this device.
func (d *Dashboard) chooseTheme(r *request) (reply, error) {
	if err := r.ParseForm(); err != nil {
		return reply{}, badForm(err)
	}
	theme := r.PostForm.Get("theme")
	if !isTheme(theme) {
		return d.problem(r, http.StatusUnprocessableEntity, "There is no such appearance", "Choose auto, light or dark.", "To the start", "/"), nil
	}
	return reply{
		to: localPath(r.PostForm.Get("back")),
		cookies: []*http.Cookie{{
			Name: cookieName(themeCookie, d.secure), Value: theme, Path: "/", MaxAge: 365 * 24 * 60 * 60,
			HttpOnly: true, Secure: d.secure, SameSite: http.SameSiteLaxMode,
		}},
	}, nil
}

// clock is up to when the figures of a page are complete.
type clock struct {
	completeTo time.Time
	stand      figures.Stand // which figures that is said of
	// completeDay is the day in which that is; days after it are not known yet. Zero before the
	// first rollup.
	completeDay schema.Day
	// lastWhole is the last day of which nothing is missing: comparisons end with it.
	lastWhole schema.Day
}

// clock reads up to when figures are complete.
func (d *Dashboard) clock(r *request) (clock, error) {
	stand, err := d.figures.Stand(r.Context())
	if err != nil || stand.CompleteTo.IsZero() {
		return clock{stand: stand}, err
	}
	t := stand.CompleteTo
	if t.After(r.now) {
		t = r.now
	}
	c := clock{completeTo: t, stand: stand, completeDay: schema.DayOf(t, r.zone)}
	c.lastWhole = period.Day(c.completeDay, -1)
	return c, nil
}

// late is when figures are old enough to be remarked on: ten runs of the rollup.
const late = 10 * time.Minute

// fresh says the clock in words: "Complete up to 14:05, Toronto time".
func (c clock) fresh(r *request) templates.Freshness {
	if c.completeTo.IsZero() {
		return templates.Freshness{Text: "Nothing counted yet", Late: true}
	}
	at := c.completeTo.In(r.zone)
	text := at.Format("15:04")
	switch {
	case at.Year() != r.now.In(r.zone).Year():
		text = at.Format("15:04 on 2 January 2006")
	case c.completeDay != r.today():
		text = at.Format("15:04 on 2 January")
	}
	return templates.Freshness{
		Text:    "Complete up to " + text + ", " + period.Zone(r.zone),
		Machine: at.UTC().Format(time.RFC3339),
		Late:    r.now.Sub(c.completeTo) > late,
	}
}

// errAway marks errors of a store that does not answer.
var errAway = errors.New("a store does not answer")

func away(err error) error { return fmt.Errorf("%w: %w", errAway, err) }

// isAway reports whether an error means that a store is out of reach, and not that something is wrong
// with what was asked.
func isAway(err error) bool {
	var network net.Error
	var refused *clickhouse.Exception
	switch {
	case errors.As(err, &refused):
		return false
	case errors.Is(err, errAway), directory.CodeOf(err) == directory.Unavailable:
		return true
	}
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, clickhouse.ErrAcquireConnTimeout)
}
