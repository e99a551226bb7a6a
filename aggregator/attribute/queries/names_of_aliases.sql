SELECT arrayJoin(arrayMap(alias -> cityHash64(alias), {aliases:Array(String)}))
