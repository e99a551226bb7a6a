package params

import "fairlead/schema"

// field is a place in a click that a parameter is recorded in: the sub ids, then the utm values.
type field int8

const (
	fieldSubID field = 0
	fieldUTM         = fieldSubID + schema.SubIDs
	fields           = fieldUTM + schema.UTMs
)

const (
	fieldNone field = -1 - iota
	fieldURL
)

// longestField is the length of the longest name that fieldOf knows.
const longestField = len("utm_campaign")

// maxText is what all recorded values of a request take together, each perhaps under another name first.
const maxText = 2 * (schema.SubIDs*schema.MaxSubID + schema.UTMs*schema.MaxUTM)

// fieldOf tells what a parameter is, in any case; own says that the name is ours and not another
// network's for the same thing.
func fieldOf(name []byte) (f field, own bool) {
	if len(name) < len("sid") || len(name) > longestField {
		return fieldNone, false
	}
	var folded [longestField]byte
	for i, b := range name {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		folded[i] = b
	}
	switch string(folded[:len(name)]) {
	case "url":
		return fieldURL, true
	case "sub_id":
		return fieldSubID, true
	case "sub_id1":
		return fieldSubID + 1, true
	case "sub_id2":
		return fieldSubID + 2, true
	case "sub_id3":
		return fieldSubID + 3, true
	case "sub_id4":
		return fieldSubID + 4, true
	case "sub_id5":
		return fieldSubID + 5, true
	case "sid":
		return fieldSubID, false
	case "subid1", "sub1", "aff_sub1":
		return fieldSubID + 1, false
	case "subid2", "sub2", "aff_sub2":
		return fieldSubID + 2, false
	case "subid3", "sub3", "aff_sub3":
		return fieldSubID + 3, false
	case "subid4", "sub4", "aff_sub4":
		return fieldSubID + 4, false
	case "subid5", "sub5", "aff_sub5":
		return fieldSubID + 5, false
	case "utm_source":
		return fieldUTM + schema.UTMSource, true
	case "utm_medium":
		return fieldUTM + schema.UTMMedium, true
	case "utm_campaign":
		return fieldUTM + schema.UTMCampaign, true
	case "utm_term":
		return fieldUTM + schema.UTMTerm, true
	case "utm_content":
		return fieldUTM + schema.UTMContent, true
	}
	return fieldNone, false
}

func slot(c *schema.Click, f field) *[]byte {
	if f < fieldUTM {
		return &c.SubID[f]
	}
	return &c.UTM[f-fieldUTM]
}

func limit(f field) int {
	if f < fieldUTM {
		return schema.MaxSubID
	}
	return schema.MaxUTM
}
