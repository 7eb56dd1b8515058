"""Words that are structure by themselves: they come from a registry or a table of ours, not from traffic.

Everything else has to earn its way out by the reveal rule (template.pxd).
"""

from whimbrel.protocol.memcache.commands import COMMANDS as MEMCACHE
from whimbrel.protocol.resp.commands import COMMANDS, SUBCOMMANDS


def words(text: str) -> list[str]:
    return text.split()


# IANA's registry of HTTP methods, and the few that are in use without being in it (PURGE, QUERY's draft).
HTTP_METHODS = words("""
ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR
MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PURGE PUT QUERY REBIND
REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL
""")

# Protocol names of ALPN (RFC 7301's registry) that services speak.
ALPN = words("""
http/0.9 http/1.0 http/1.1 h2 h2c h3 spdy/3 dot doq mqtt grpc-exp acme-tls/1 postgresql redis
""")

# Commands of Redis beyond those our own server has a row for.
REDIS_MORE = words("""
bitcount bitfield bitfield_ro bitop bitpos blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin cluster copy
evalsha_ro eval_ro failover fcall fcall_ro function geoadd geodist geohash geopos georadius georadiusbymember
geosearch geosearchstore hdel hexists hexpire hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hpersist
hrandfield hscan hset hsetnx hstrlen httl hvals latency lcs lindex linsert llen lmove lmpop lpop lpos lpush lpushx
lrange lrem lset ltrim migrate module monitor move object pfadd pfcount pfmerge psubscribe psync publish pubsub
punsubscribe readonly readwrite replconf replicaof restore role rpop rpoplpush rpush rpushx sadd save scard sdiff
sdiffstore sinter sintercard sinterstore sismember slaveof slowlog smembers smismember smove sort sort_ro spop
spublish srandmember srem sscan ssubscribe subscribe sunion sunionstore sunsubscribe swapdb sync unsubscribe wait
waitaof xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xsetid xtrim
zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin
zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore
zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore
""")

# By the numbers of CallProtocol.
KNOWN: dict[int, frozenset[str]] = {
    1: frozenset(HTTP_METHODS),
    2: frozenset(row.name for row in MEMCACHE),
    3: frozenset({*REDIS_MORE} | {row.name for row in COMMANDS} | {f"{row.parent} {row.name}" for row in SUBCOMMANDS}),
}
