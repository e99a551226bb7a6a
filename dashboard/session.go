package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
	"fairlead/schema/directory"
)

// sessions are who is logged in, kept in Redis under the hash of a random token that only the cookie
// holds. A session ends by log-out, after a time without a page, after its whole life, when the log-in's
// generation rises (a new password, a suspension), and when its partner may not log in any more.
type sessions struct {
	manager *scs.SessionManager
	store   *sessionStore
	idle    time.Duration
}

// What a session holds.
const (
	sessionLogin      = "login"
	sessionGeneration = "generation"
)

func newSessions(opt Options, secure bool) *sessions {
	store := &sessionStore{rdb: opt.Redis, prefix: opt.Keys.Session()}
	// Not by scs.New: that starts a store of its own, whose goroutine never ends.
	m := &scs.SessionManager{
		Store:       store,
		Codec:       scs.GobCodec{},
		Lifetime:    opt.SessionLife,
		IdleTimeout: opt.SessionIdle,
		Cookie: scs.SessionCookie{
			Name:     cookieName("fairlead", secure),
			Path:     "/",
			HttpOnly: true,
			Secure:   secure,
			SameSite: http.SameSiteLaxMode,
		},
	}
	return &sessions{manager: m, store: store, idle: opt.SessionIdle}
}

// cookieName ties a cookie to this very host where browsers can hold to it.
func cookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// load finds out who sent a request. The context that it answers carries the session, an empty one where
// there is none or it cannot be read.
func (s *sessions) load(ctx context.Context, dir *directory.Directory, r *http.Request) (context.Context, *person, error) {
	empty, err := s.manager.Load(ctx, "")
	if err != nil {
		return ctx, nil, fmt.Errorf("begin a session: %w", err)
	}
	c, err := r.Cookie(s.manager.Cookie.Name)
	if err != nil {
		return empty, nil, nil // no cookie: nobody is logged in
	}
	session, err := s.manager.Load(ctx, c.Value)
	if err != nil {
		return empty, nil, away(fmt.Errorf("read the session: %w", err))
	}
	id := schema.LoginID(s.manager.GetInt64(session, sessionLogin))
	if id == 0 {
		return empty, nil, nil
	}
	l, err := dir.LoginByID(ctx, id)
	if err != nil && directory.CodeOf(err) != directory.NotFound {
		return empty, nil, err
	}
	who, err := admit(ctx, dir, l)
	if err != nil {
		return empty, nil, err
	}
	if who == nil || s.manager.GetInt64(session, sessionGeneration) != int64(l.Generation) {
		if err := s.manager.Destroy(session); err != nil {
			return empty, nil, away(fmt.Errorf("end the session: %w", err))
		}
		return empty, nil, nil
	}
	return session, who, nil
}

// admit returns the person behind a log-in, nil if it may not come in.
func admit(ctx context.Context, dir *directory.Directory, l schema.Login) (*person, error) {
	switch l.Role {
	case schema.RoleAdmin:
		return &person{Login: l}, nil
	case schema.RolePartner:
		p, err := dir.Partner(ctx, l.Partner)
		if directory.CodeOf(err) == directory.NotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if p.Status.Earns() {
			return &person{Login: l, Partner: p}, nil
		}
	}
	return nil, nil
}

// touch puts the end of an idle session off. It revives none that another request has just ended.
func (s *sessions) touch(session context.Context) error {
	expiry := time.Now().Add(s.idle)
	if deadline := s.manager.Deadline(session); deadline.Before(expiry) {
		expiry = deadline
	}
	return s.store.touch(session, s.manager.Token(session), expiry)
}

// start begins a session under a new token; the one that the browser came with is over. It answers the
// cookie to set.
func (s *sessions) start(session context.Context, l schema.Login) (*http.Cookie, error) {
	if err := s.manager.Clear(session); err != nil {
		return nil, fmt.Errorf("clear the session: %w", err)
	}
	if err := s.manager.RenewToken(session); err != nil {
		return nil, fmt.Errorf("renew the session: %w", err)
	}
	s.manager.Put(session, sessionLogin, int64(l.ID))
	s.manager.Put(session, sessionGeneration, int64(l.Generation))
	token, _, err := s.manager.Commit(session)
	if err != nil {
		return nil, fmt.Errorf("store the session: %w", err)
	}
	// The cookie lives as long as the session may; Redis knows when it was idle for too long.
	c := s.cookie(token)
	c.Expires = s.manager.Deadline(session)
	return c, nil
}

// end ends a session and answers the cookie that takes its token away.
func (s *sessions) end(session context.Context) (*http.Cookie, error) {
	if err := s.manager.Destroy(session); err != nil {
		return nil, fmt.Errorf("end the session: %w", err)
	}
	c := s.cookie("")
	c.MaxAge = -1
	return c, nil
}

func (s *sessions) cookie(token string) *http.Cookie {
	m := s.manager.Cookie
	return &http.Cookie{Name: m.Name, Value: token, Path: m.Path, HttpOnly: m.HttpOnly, Secure: m.Secure, SameSite: m.SameSite}
}

// sessionStore keeps sessions in any kind of Redis: the one that scs offers takes a single node's client
// only. A token is stored as its SHA-256, so that who reads Redis cannot log in.
type sessionStore struct {
	rdb    redis.UniversalClient
	prefix string
}

var _ scs.CtxStore = (*sessionStore)(nil)

func (s *sessionStore) key(token string) string {
	sum := sha256.Sum256([]byte(token))
	return s.prefix + hex.EncodeToString(sum[:])
}

func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	b, err := s.rdb.Get(ctx, s.key(token)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, false, nil
	}
	return b, err == nil, err
}

func (s *sessionStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	return s.rdb.Set(ctx, s.key(token), b, time.Until(expiry)).Err()
}

func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.rdb.Del(ctx, s.key(token)).Err()
}

func (s *sessionStore) touch(ctx context.Context, token string, expiry time.Time) error {
	if err := s.rdb.PExpireAt(ctx, s.key(token), expiry).Err(); err != nil {
		return away(fmt.Errorf("keep the session: %w", err))
	}
	return nil
}

// Find, Commit and Delete are what scs asks of a store that takes no context; it calls those above.
func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

func (s *sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
