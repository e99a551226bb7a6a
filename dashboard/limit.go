package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"fairlead/schema"
)

// How often somebody may try a password or a one-time code.
var (
	perAccount = redis_rate.Limit{Rate: 10, Burst: 10, Period: 15 * time.Minute}
	perAddress = redis_rate.Limit{Rate: 60, Burst: 60, Period: 15 * time.Minute}
)

// perLogin is how often somebody may look something up.
var perLogin = redis_rate.Limit{Rate: 30, Burst: 30, Period: time.Minute}

// limits bound attempts by account and by address, over all dashboards of a deployment. While Redis is
// away nothing is allowed: a password cannot be guessed meanwhile.
type limits struct {
	limiter *redis_rate.Limiter
	prefix  string
}

func newLimits(rdb redis.UniversalClient, keys schema.Keys) *limits {
	return &limits{limiter: redis_rate.NewLimiter(rdb), prefix: keys.Prefix + "tries:"}
}

// attempt uses up one attempt from an address and, if account is not empty, on it. It answers how long
// to wait: 0 if the attempt may be made. An account need not exist to have a limit.
func (l *limits) attempt(ctx context.Context, address netip.Addr, account string) (wait time.Duration, err error) {
	res, err := l.limiter.Allow(ctx, l.addressKey(address), perAddress)
	if err != nil {
		return 0, fmt.Errorf("count the attempts of an address: %w", err)
	}
	if res.Allowed == 0 {
		return res.RetryAfter, nil
	}
	if account == "" {
		return 0, nil
	}
	res, err = l.limiter.Allow(ctx, l.accountKey(account), perAccount)
	if err != nil {
		return 0, fmt.Errorf("count the attempts on an account: %w", err)
	}
	if res.Allowed == 0 {
		return res.RetryAfter, nil
	}
	return 0, nil
}

// forgive gives an account its attempts back, after the right password.
func (l *limits) forgive(ctx context.Context, account string) error {
	if err := l.limiter.Reset(ctx, l.accountKey(account)); err != nil {
		return fmt.Errorf("reset the attempts on an account: %w", err)
	}
	return nil
}

// lookUp uses up one look-up of a log-in. It answers how long to wait: 0 if it may be made.
func (l *limits) lookUp(ctx context.Context, who schema.LoginID) (wait time.Duration, err error) {
	res, err := l.limiter.Allow(ctx, l.prefix+"lookup:"+strconv.FormatUint(uint64(who), 10), perLogin)
	if err != nil {
		return 0, fmt.Errorf("count the look-ups of a log-in: %w", err)
	}
	if res.Allowed == 0 {
		return res.RetryAfter, nil
	}
	return 0, nil
}

// addressKey counts IPv6 by /64: that is what one household gets.
func (l *limits) addressKey(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return l.prefix + "net:" + p.String()
		}
	}
	return l.prefix + "net:" + a.String()
}

// accountKey holds a hash: the attempts are nobody's list of addresses.
func (l *limits) accountKey(account string) string {
	sum := sha256.Sum256([]byte(schema.FoldEmail(account)))
	return l.prefix + "account:" + hex.EncodeToString(sum[:16])
}

// client tells from which address a request came: the other end of the connection or, if that is a
// trusted proxy, the hop nearest to us that is none.
func (d *Dashboard) client(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && d.trusts(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap().WithZone("")
	}
	return addr
}

func (d *Dashboard) trusts(a netip.Addr) bool {
	for _, p := range d.opt.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
