package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// secrets are the keys whose values are never printed.
var secrets = map[string]bool{
	"clickhouse.password": true, "redis.password": true,
	"conversions.stripe_secrets": true, "conversions.shopify_secrets": true, "conversions.postback_secrets": true,
	"payouts.encryption_key": true, "payouts.stripe.secret_key": true, "payouts.stripe.connect_secrets": true, "payouts.paypal.secret": true,
}

// mask stands where a secret is not printed.
const mask = "••••"

// Print returns the effective configuration as YAML, secrets masked.
func (c Config) Print() string {
	var b strings.Builder
	printStruct(&b, reflect.ValueOf(c), "", "")
	return b.String()
}

func printStruct(b *strings.Builder, v reflect.Value, path, indent string) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("mapstructure")
		field, key := v.Field(i), strings.TrimPrefix(path+"."+name, ".")
		switch field.Kind() {
		case reflect.Struct:
			fmt.Fprintf(b, "%s%s:\n", indent, name)
			printStruct(b, field, key, indent+"  ")
		case reflect.Map:
			fmt.Fprintf(b, "%s%s:\n", indent, name)
			for _, k := range sortedKeys(field) {
				fmt.Fprintf(b, "%s  %s: %q\n", indent, k, field.MapIndex(reflect.ValueOf(k)))
			}
		default:
			fmt.Fprintf(b, "%s%s: %s\n", indent, name, printValue(field, key))
		}
	}
}

func printValue(v reflect.Value, key string) string {
	show := func(s string) string {
		if secrets[key] && s != "" {
			s = mask
		}
		return fmt.Sprintf("%q", s)
	}
	switch x := v.Interface().(type) {
	case string:
		return show(x)
	case []string:
		quoted := make([]string, len(x))
		for i, s := range x {
			quoted[i] = show(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(x)
	}
}

func sortedKeys(m reflect.Value) []string {
	keys := make([]string, 0, m.Len())
	for _, k := range m.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}
