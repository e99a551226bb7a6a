package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"fairlead/schema"
)

// Lives of one-time links.
const (
	InviteLife = 14 * 24 * time.Hour // a partner's invitation
	SetupLife  = 24 * time.Hour      // an admin's first password, or a new one
)

// Login returns the log-in of an e-mail address.
func (d *Directory) Login(ctx context.Context, email string) (schema.Login, bool, error) {
	if strings.TrimSpace(email) == "" {
		return schema.Login{}, false, nil
	}
	key := emailKey(email)
	at, err := d.byKey(ctx, schema.KindLogin, []string{key})
	if err != nil || at[key] == 0 {
		return schema.Login{}, false, err
	}
	return lookup[schema.Login](ctx, d, schema.KindLogin, at[key])
}

// LoginByID returns a log-in; the error may be NotFound. A session is over when its Generation is not
// the log-in's any more.
func (d *Directory) LoginByID(ctx context.Context, id schema.LoginID) (schema.Login, error) {
	return must[schema.Login](ctx, d, schema.KindLogin, uint64(id))
}

// Authenticate returns the log-in that e-mail and password open. It does the same work whether or not
// there is one.
func (d *Directory) Authenticate(ctx context.Context, email, password string) (schema.Login, bool, error) {
	l, _, err := d.Login(ctx, email)
	if err != nil {
		return schema.Login{}, false, err
	}
	ok, err := CheckPassword(ctx, l.Password, password)
	if err != nil || !ok {
		return schema.Login{}, false, err
	}
	return l, true, nil
}

// AddAdmin adds a log-in with the admin's role. An empty hash needs Invite before anybody gets in.
func (d *Directory) AddAdmin(ctx context.Context, actor Actor, email, passwordHash string) (schema.Login, error) {
	email, err := checkEmail(email)
	if err != nil {
		return schema.Login{}, err
	}
	if err := checkHash(passwordHash); err != nil {
		return schema.Login{}, err
	}
	var l schema.Login
	err = d.write(ctx, actor, "admin added", func(ctx context.Context, t *tx) error {
		if err := t.freeEmail(ctx, email); err != nil {
			return err
		}
		id, err := t.nextID(schema.KindLogin)
		if err != nil {
			return err
		}
		l = schema.Login{ID: schema.LoginID(id), Email: email, Role: schema.RoleAdmin, Password: passwordHash, CreatedAt: t.now}
		return t.put(schema.KindLogin, uint64(id), nil, l, emailKey(email))
	})
	if err != nil {
		return schema.Login{}, err
	}
	return l, nil
}

// Admins returns the log-ins with the admin's role, by id. One without an e-mail address waits for
// its set-up link to be used.
func (d *Directory) Admins(ctx context.Context) ([]schema.Login, error) {
	found, err := d.ask(ctx, "admins", sql("admins"))
	if err != nil {
		return nil, clickHouseSilent(err)
	}
	return fromEntries[schema.Login](found)
}

// HasAdmin reports whether somebody can log in as an admin.
func (d *Directory) HasAdmin(ctx context.Context) (bool, error) {
	admins, err := d.Admins(ctx)
	for _, a := range admins {
		if a.Password != "" {
			return true, nil
		}
	}
	return false, err
}

// SetPassword gives a log-in a new password, by its hash, and ends its sessions and its one-time link.
func (d *Directory) SetPassword(ctx context.Context, actor Actor, id schema.LoginID, hash string) error {
	if hash == "" {
		return invalid("password", "The password is missing.")
	}
	if err := checkHash(hash); err != nil {
		return err
	}
	return d.changeLogin(ctx, actor, "password changed", id, func(l *schema.Login) error {
		setPassword(l, hash)
		return nil
	})
}

// Invite makes a one-time code for choosing a password: DASHBOARD/invite?code=… for a partner,
// DASHBOARD/setup?code=… for an admin. A code made before is void. The old password works until
// the code is redeemed.
func (d *Directory) Invite(ctx context.Context, actor Actor, id schema.LoginID, life time.Duration) (code string, err error) {
	err = d.changeLogin(ctx, actor, "invited", id, func(l *schema.Login) error {
		code = newCode(l.ID)
		l.Invite, l.InviteExpires = hashCode(code), d.now().Add(life)
		return nil
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// SetupCode makes the one-time code with which the first admin chooses an e-mail address and a password.
// A code made before is void.
func (d *Directory) SetupCode(ctx context.Context, actor Actor) (code string, err error) {
	err = d.write(ctx, actor, "set-up link made", func(ctx context.Context, t *tx) error {
		admins, err := t.d.ask(ctx, "admins", sql("admins"))
		if err != nil {
			return err
		}
		logins, err := fromEntries[schema.Login](admins)
		if err != nil {
			return err
		}
		l := schema.Login{Role: schema.RoleAdmin, CreatedAt: t.now}
		var before *entry
		for i := range logins {
			if logins[i].Email == "" {
				l, before = logins[i], &admins[i]
			}
		}
		if before == nil {
			id, err := t.nextID(schema.KindLogin)
			if err != nil {
				return err
			}
			l.ID = schema.LoginID(id)
		}
		code = newCode(l.ID)
		l.Invite, l.InviteExpires = hashCode(code), t.now.Add(SetupLife)
		return t.put(schema.KindLogin, uint64(l.ID), before, l)
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// Invited returns the log-in that a one-time code belongs to, so that a page can say whose password is
// chosen; the error is NotFound for a code that is unknown, used or too old.
func (d *Directory) Invited(ctx context.Context, code string) (schema.Login, error) {
	id, err := codeLogin(code)
	if err != nil {
		return schema.Login{}, err
	}
	l, _, err := lookup[schema.Login](ctx, d, schema.KindLogin, uint64(id))
	if err != nil {
		return schema.Login{}, err
	}
	if !d.opens(code, l) {
		return schema.Login{}, errCode()
	}
	return l, nil
}

// Redeem is what somebody chooses by a one-time code.
type Redeem struct {
	Email    string // of the first admin; a log-in that has one keeps it
	Password string
}

// RedeemInvite uses a one-time code up: the log-in has a password then, and an invited partner is active.
func (d *Directory) RedeemInvite(ctx context.Context, code string, r Redeem) (schema.Login, error) {
	l, err := d.Invited(ctx, code)
	if err != nil {
		return schema.Login{}, err
	}
	if l.Email == "" {
		if r.Email, err = checkEmail(r.Email); err != nil {
			return schema.Login{}, err
		}
	}
	hash, err := HashPassword(ctx, r.Password)
	if err != nil {
		return schema.Login{}, err
	}
	err = d.write(ctx, LoginActor(l), "one-time link used", func(ctx context.Context, t *tx) error {
		var before *entry
		if l, before, err = get[schema.Login](ctx, t, schema.KindLogin, uint64(l.ID)); err != nil {
			return err
		}
		if !d.opens(code, l) {
			return errCode()
		}
		if l.Email == "" {
			if err := t.freeEmail(ctx, r.Email); err != nil {
				return err
			}
			l.Email = r.Email
		}
		setPassword(&l, hash)
		if err := t.put(schema.KindLogin, uint64(l.ID), before, l, emailKey(l.Email)); err != nil {
			return err
		}
		return t.activate(ctx, l)
	})
	if err != nil {
		return schema.Login{}, err
	}
	return l, nil
}

// activate makes an invited partner an active one.
func (t *tx) activate(ctx context.Context, l schema.Login) error {
	if l.Role != schema.RolePartner {
		return nil
	}
	p, before, err := get[schema.Partner](ctx, t, schema.KindPartner, uint64(l.Partner))
	if err != nil || p.Status != schema.PartnerInvited {
		return err
	}
	p.Status = schema.PartnerActive
	return t.put(schema.KindPartner, uint64(p.ID), before, p)
}

// changeLogin changes a log-in that keeps its e-mail address.
func (d *Directory) changeLogin(ctx context.Context, actor Actor, reason string, id schema.LoginID, fn func(*schema.Login) error) error {
	return d.write(ctx, actor, reason, func(ctx context.Context, t *tx) error { return t.changeLogin(ctx, id, fn) })
}

func (t *tx) changeLogin(ctx context.Context, id schema.LoginID, fn func(*schema.Login) error) error {
	l, before, err := get[schema.Login](ctx, t, schema.KindLogin, uint64(id))
	if err != nil {
		return err
	}
	if err := fn(&l); err != nil {
		return err
	}
	return t.put(schema.KindLogin, uint64(id), before, l, before.keys...)
}

// endSessions ends every session of the log-in with an e-mail address.
func (t *tx) endSessions(ctx context.Context, email string) error {
	found, err := t.d.claimants(ctx, []string{emailKey(email)})
	if err != nil {
		return err
	}
	for _, e := range found {
		if e.kind != schema.KindLogin {
			continue
		}
		err := t.changeLogin(ctx, schema.LoginID(e.id), func(l *schema.Login) error {
			l.Generation++
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setPassword sets the password and voids what was given out under the old one.
func setPassword(l *schema.Login, hash string) {
	l.Password, l.Invite, l.InviteExpires = hash, "", time.Time{}
	l.Generation++
}

// checkHash refuses a password that is not hashed.
func checkHash(hash string) error {
	if hash == "" {
		return nil
	}
	if _, err := parsePHC(hash); err != nil {
		return invalid("password", "The password is not hashed with HashPassword.")
	}
	return nil
}

// A one-time code is the log-in's id and 160 random bits; the directory keeps its SHA-256 only.
func newCode(id schema.LoginID) string {
	var secret [20]byte
	rand.Read(secret[:]) // never fails since Go 1.24
	return id.String() + "-" + base64.RawURLEncoding.EncodeToString(secret[:])
}

func hashCode(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

func codeLogin(code string) (schema.LoginID, error) {
	digits, _, ok := strings.Cut(code, "-")
	id, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || id == 0 {
		return 0, errCode()
	}
	return schema.LoginID(id), nil
}

// opens reports whether a code is the log-in's and still good.
func (d *Directory) opens(code string, l schema.Login) bool {
	same := subtle.ConstantTimeCompare([]byte(hashCode(code)), []byte(l.Invite)) == 1
	return same && d.now().Before(l.InviteExpires)
}

func errCode() error {
	return notFound("This link was used already, is too old, or was replaced by a newer one. Ask for another.")
}
