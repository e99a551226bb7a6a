package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"fairlead/dashboard/templates"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// wrongPassword is said whether or not there is such an account.
const wrongPassword = "E-mail or password is wrong. If you were invited, choose a password with the link in the invitation first."

// start sends a person to their first page.
func (d *Dashboard) start(r *request) (reply, error) {
	return reply{to: navigation(r.who, "")[0].Href}, nil
}

// loginPath leads to the log-in, and from there back to the page that was asked for.
func loginPath(r *request) string {
	if r.Method != http.MethodGet || !isPage(r.URL.Path) {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(r.URL.RequestURI())
}

// localPath returns a path that came with a request if it is one of our pages, else the start.
func localPath(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !isPage(u.Path) {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.Query().Encode()}).String()
}

func (d *Dashboard) loginPage(r *request) (reply, error) {
	if r.who != nil {
		return reply{to: "/"}, nil
	}
	v := templates.Login{Frame: d.frame(r, "Log in"), Next: localPath(r.FormValue("next"))}
	if r.FormValue("out") != "" {
		v.Note = "You are logged out."
	}
	return reply{page: v}, nil
}

// login lets a person in. Whether the account exists shows neither in the answer nor in its time: the
// limits count any address alike, and the password's hash is computed in any case.
func (d *Dashboard) login(r *request) (reply, error) {
	if err := r.ParseForm(); err != nil {
		return reply{}, badForm(err)
	}
	email, password, next := r.PostForm.Get("email"), r.PostForm.Get("password"), localPath(r.PostForm.Get("next"))
	again := func(status int, alert string) reply {
		return reply{status: status, page: templates.Login{Frame: d.frame(r, "Log in"), Email: email, Next: next, Alert: alert}}
	}
	address := d.client(r.Request)
	wait, err := d.limits.attempt(r.Context(), address, email)
	if err != nil {
		return reply{}, away(err)
	}
	if wait > 0 {
		d.log.Warn("log-in refused: too many attempts", "address", address)
		re := again(http.StatusTooManyRequests, "Too many attempts. Try again in "+minutes(wait)+".")
		re.retryAfter = wait
		return re, nil
	}
	l, ok, err := d.opt.Directory.Authenticate(r.Context(), email, password)
	if err != nil {
		return reply{}, err
	}
	if !ok {
		d.log.Warn("log-in refused: wrong e-mail or password", "address", address)
		return again(http.StatusUnprocessableEntity, wrongPassword), nil
	}
	return d.letIn(r, l, next)
}

// letIn starts the session of somebody who has proven who they are.
func (d *Dashboard) letIn(r *request, l schema.Login, next string) (reply, error) {
	who, err := admit(r.Context(), d.opt.Directory, l)
	if err != nil {
		return reply{}, err
	}
	if who == nil {
		d.log.Warn("log-in refused: not an active partner", "login", l.ID)
		return d.problem(r, http.StatusForbidden, "Your access is paused",
			"The password is right, but this account is not active. Please write to the team of the program.", "", ""), nil
	}
	if err := d.limits.forgive(r.Context(), l.Email); err != nil {
		return reply{}, away(err)
	}
	c, err := d.sessions.start(r.session, l)
	if err != nil {
		return reply{}, away(err)
	}
	d.log.Info("logged in", "login", l.ID, "role", l.Role, "address", d.client(r.Request))
	return reply{to: next, cookies: []*http.Cookie{c}}, nil
}

func (d *Dashboard) logout(r *request) (reply, error) {
	if r.who == nil {
		return reply{to: "/login"}, nil
	}
	c, err := d.sessions.end(r.session)
	if err != nil {
		return reply{}, away(err)
	}
	return reply{to: "/login?out=1", cookies: []*http.Cookie{c}}, nil
}

// passwordPage lets somebody who was invited choose a password.
func (d *Dashboard) passwordPage(r *request) (reply, error) {
	code := r.FormValue("code")
	l, err := d.opt.Directory.Invited(r.Context(), code)
	if directory.CodeOf(err) == directory.NotFound {
		return d.codeGone(r), nil
	}
	if err != nil {
		return reply{}, err
	}
	return reply{page: d.passwordView(r, l, code)}, nil
}

func (d *Dashboard) passwordView(r *request, l schema.Login, code string) templates.Password {
	title := "Welcome"
	if l.Role == schema.RoleAdmin {
		title = "Set up your account"
	}
	return templates.Password{
		Frame:    d.frame(r, title),
		Action:   r.URL.Path,
		Code:     code,
		Email:    l.Email,
		AskEmail: l.Email == "",
		Admin:    l.Role == schema.RoleAdmin,
	}
}

func (d *Dashboard) codeGone(r *request) reply {
	return d.problem(r, http.StatusGone, "This link does not work any more",
		"It works once and for a limited time. Ask whoever sent it for a new one.", "To the log-in", "/login")
}

// choosePassword uses a one-time code up and logs its person in.
func (d *Dashboard) choosePassword(r *request) (reply, error) {
	if err := r.ParseForm(); err != nil {
		return reply{}, badForm(err)
	}
	code := r.PostForm.Get("code")
	wait, err := d.limits.attempt(r.Context(), d.client(r.Request), "")
	if err != nil {
		return reply{}, away(err)
	}
	if wait > 0 {
		re := d.problem(r, http.StatusTooManyRequests, "Too many attempts", "Try again in "+minutes(wait)+".", "", "")
		re.retryAfter = wait
		return re, nil
	}
	invited, err := d.opt.Directory.Invited(r.Context(), code)
	if err == nil {
		redeem := directory.Redeem{Email: r.PostForm.Get("email"), Password: r.PostForm.Get("password")}
		var l schema.Login
		if l, err = d.opt.Directory.RedeemInvite(r.Context(), code, redeem); err == nil {
			return d.letIn(r, l, "/")
		}
	}
	var refused *directory.Error
	if errors.As(err, &refused) {
		switch refused.Code {
		case directory.NotFound:
			return d.codeGone(r), nil
		case directory.Invalid, directory.Conflict:
			v := d.passwordView(r, invited, code)
			v.Alert = refused.Message
			if v.AskEmail {
				v.Email = r.PostForm.Get("email")
			}
			return reply{status: http.StatusUnprocessableEntity, page: v}, nil
		}
	}
	return reply{}, err
}

// badForm keeps the error of a body that is too large, and makes one for people of any other.
func badForm(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return fmt.Errorf("%w: %w", errBadForm, err)
}

var errBadForm = errors.New("the form cannot be read")

// minutes says how long to wait, rounded up.
func minutes(d time.Duration) string {
	return templates.Count((d+time.Minute-1)/time.Minute).Of("minute", "minutes")
}
