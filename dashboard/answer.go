package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// request is what a handler is given.
type request struct {
	*http.Request
	program schema.Program
	zone    *time.Location
	now     time.Time
	who     *person // nil: nobody is logged in
	session context.Context
}

// today is the running day of the program.
func (r *request) today() schema.Day { return schema.DayOf(r.now, r.zone) }

// person is who is logged in; Partner is zero for an admin.
type person struct {
	Login   schema.Login
	Partner schema.Partner
}

// reply is what a handler answers: a page, a redirect, JSON or a file, whichever is set.
type reply struct {
	status     int // 0: 200
	page       templates.View
	to         string // a local path
	json       any
	file       []byte
	fileName   string
	fileType   string
	policy     string // of a file that is shown, and not saved; empty: it is saved under its name
	cookies    []*http.Cookie
	retryAfter time.Duration
}

// How long a request may take, and how much it may send.
const (
	patience = 10 * time.Second
	maxBody  = 64 << 10
)

// answer makes the handler of a route: find out who asks, let those in whom the route is for, and send
// what the handler answers, or the page for what went wrong.
func (d *Dashboard) answer(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		ctx, cancel := context.WithTimeout(hr.Context(), patience)
		defer cancel()
		hr = hr.WithContext(ctx)
		hr.Body = http.MaxBytesReader(w, hr.Body, maxBody)
		r := &request{Request: hr, now: d.opt.Now(), zone: time.UTC, program: schema.Program{Name: "Fairlead"}}
		re, err := d.decide(rt, r)
		if err != nil {
			re = d.failed(rt, r, err)
		}
		d.send(w, r, re)
	})
}

// decide runs a route's handler for those whom it is for.
func (d *Dashboard) decide(rt route, r *request) (re reply, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("BUG: panic: %v\n%s", v, debug.Stack())
		}
	}()
	program, err := d.opt.Directory.Program(r.Context())
	switch {
	case err == nil:
		r.program, r.zone = program, program.Location()
	case directory.CodeOf(err) != directory.NotFound:
		return reply{}, err
	}
	if r.session, r.who, err = d.sessions.load(r.Context(), d.opt.Directory, r.Request); err != nil && rt.access != forAnyone {
		return reply{}, err
	}
	switch {
	case rt.access.allows(r.who):
	case r.who == nil && rt.quiet:
		return reply{status: http.StatusUnauthorized, json: map[string]string{"error": "nobody is logged in"}}, nil
	case r.who == nil:
		return reply{to: loginPath(r)}, nil
	default:
		return d.nothing(r)
	}
	if r.who != nil && !rt.quiet {
		if err := d.sessions.touch(r.session); err != nil {
			return reply{}, err
		}
	}
	return rt.handle(d, r)
}

// failed is the answer to a request that cannot be answered. What went wrong is for the operator; people
// read what it means to them.
func (d *Dashboard) failed(rt route, r *request, err error) reply {
	var tooLarge *http.MaxBytesError
	away := isAway(err)
	switch {
	case errors.As(err, &tooLarge):
		return d.problem(r, http.StatusRequestEntityTooLarge, "That was too much at once", "The form is larger than this page takes.", "To the start", "/")
	case directory.CodeOf(err) == directory.NotFound:
		re, _ := d.nothing(r)
		return re
	case away:
		d.log.Warn("a store does not answer", "route", rt.path, "err", err)
	default:
		d.log.Error("a page failed", "route", rt.path, "err", err)
	}
	if rt.quiet {
		return reply{status: http.StatusServiceUnavailable, json: map[string]string{"error": "out of reach"}, retryAfter: 5 * time.Second}
	}
	if !away {
		return d.problem(r, http.StatusInternalServerError, "Something went wrong here",
			"It is not your doing, and it has been noted. Links go on redirecting, and every click is being recorded.", "To the start", "/")
	}
	re := d.problem(r, http.StatusServiceUnavailable, "Back in a moment",
		"The dashboard cannot reach its data right now. Links go on redirecting, every click is being recorded, and nothing is lost.", "Try again", tryAgain(r))
	re.retryAfter = 10 * time.Second
	return re
}

// tryAgain is where a page's "Try again" leads.
func tryAgain(r *request) string {
	if isPage(r.URL.Path) {
		return r.URL.RequestURI()
	}
	return "/"
}

// problem is a page that says what is wrong, and the way on. It holds nothing of the address that was
// asked for, so that it does not tell which addresses there are.
func (d *Dashboard) problem(r *request, status int, heading, text, action, href string) reply {
	frame := d.frame(r, heading)
	frame.Path = "/"
	return reply{status: status, page: templates.Problem{
		Frame:   frame,
		Status:  status,
		Heading: heading,
		Text:    text,
		Action:  action,
		Href:    href,
	}}
}

// nothing answers for what does not exist, or is not for who asks: both look alike.
func (d *Dashboard) nothing(r *request) (reply, error) {
	return d.problem(r, http.StatusNotFound, "This page does not exist",
		"The address may be mistyped, or the page has moved.", "To the start", "/"), nil
}

// crossSite answers for a form that another site sent here.
func (d *Dashboard) crossSite(r *request) (reply, error) {
	d.log.Warn("refused a form of another site", "path", r.URL.Path, "origin", r.Header.Get("Origin"))
	return d.problem(r, http.StatusForbidden, "This came from another site",
		"Forms are taken from the dashboard's own pages only. Nothing was changed.", "To the start", "/"), nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// send renders the reply whole before its first byte leaves.
func (d *Dashboard) send(w http.ResponseWriter, r *request, re reply) {
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer buffers.Put(buf)
	h := w.Header()
	switch {
	case re.to != "":
		re.status = http.StatusSeeOther
		h.Set("Location", re.to)
	case re.page != nil:
		if err := d.pages.Render(buf, re.page); err != nil {
			d.log.Error("a page cannot be rendered", "path", r.URL.Path, "err", err)
			buf.Reset()
			buf.WriteString("Something went wrong here. It has been noted.\n")
			h.Set("Content-Type", "text/plain; charset=utf-8")
			re.status = http.StatusInternalServerError
			break
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
	case re.json != nil:
		if err := json.NewEncoder(buf).Encode(re.json); err != nil {
			d.log.Error("an answer cannot be encoded", "path", r.URL.Path, "err", err)
			re.status = http.StatusInternalServerError
		}
		h.Set("Content-Type", "application/json")
	default:
		buf.Write(re.file)
		h.Set("Content-Type", re.fileType)
		if re.policy != "" {
			h.Set("Content-Security-Policy", re.policy)
		} else {
			h.Set("Content-Disposition", `attachment; filename="`+re.fileName+`"`)
		}
	}
	for _, c := range re.cookies {
		http.SetCookie(w, c)
	}
	if re.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((re.retryAfter+time.Second-1)/time.Second)))
	}
	h.Set("Cache-Control", "private, no-store")
	h.Add("Vary", "Cookie")
	if re.status == 0 {
		re.status = http.StatusOK
	}
	w.WriteHeader(re.status)
	_, _ = w.Write(buf.Bytes()) // the client has gone: nothing to be done
}

// measured counts a route's answers and times them.
func (d *Dashboard) measured(name string, next http.Handler) http.Handler {
	seconds := d.opt.Metrics.GetOrCreateHistogram(fmt.Sprintf(`fairlead_dashboard_request_seconds{route=%q}`, name))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		seconds.UpdateDuration(start)
		d.opt.Metrics.GetOrCreateCounter(fmt.Sprintf(`fairlead_dashboard_requests_total{route=%q,code="%d"}`, name, s.status)).Inc()
	})
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
