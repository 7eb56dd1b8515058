"""The names of Redis's commands, for recognising its traffic.

Ours and absent ones come from the table of the codec; those of the groups that the table only names
(resp.commands.ABSENT_GROUPS) are here, for what is watched is a real Redis.
"""

from whimbrel.protocol.resp import commands

BEYOND_THE_TABLE: dict[str, str] = {
    "bitmap": "bitcount bitfield bitfield_ro bitop bitpos getbit setbit",
    "hash": "hdel hexists hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat hkeys hlen"
    " hmget hmset hpersist hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen"
    " httl hvals",
    "list": "blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem"
    " lset ltrim rpop rpoplpush rpush rpushx",
    "set": "sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove spop"
    " srandmember srem sscan sunion sunionstore",
    "sorted-set": "bzmpop bzpopmax bzpopmin zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore"
    " zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem"
    " zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore"
    " zunion zunionstore",
    "stream": "xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xsetid"
    " xtrim",
    "geo": "geoadd geodist geohash geopos georadius georadiusbymember geosearch geosearchstore",
    "hyperloglog": "pfadd pfcount pfdebug pfmerge pfselftest",
    "pubsub": "psubscribe publish pubsub punsubscribe spublish ssubscribe subscribe sunsubscribe unsubscribe",
    "cluster": "asking cluster readonly readwrite",
}

WORDS: frozenset[str] = frozenset(
    [command.name for command in commands.ROWS if not command.parent]
    + [name for names in BEYOND_THE_TABLE.values() for name in names.split()]
)
