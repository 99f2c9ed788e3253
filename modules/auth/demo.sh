# Demo accounts: prints SQL.  build.sh reads this: demo_auth PLATFORM KEYS.
#
# E-mail addresses are sealed and indexed as nginx does it, with the newest
# key of the file; one password for all, DEMO_PASSWORD.

# shellcheck shell=bash

DEMO_PASSWORD=demo-2026

# HMAC-SM3 of standard input under a key in hexadecimals

demo_hmac() {
    openssl dgst -sm3 -mac HMAC -macopt "hexkey:$1" -hex | sed 's/.* //'
}

demo_derive() {
    printf %s "$2" | demo_hmac "$1"
}

demo_bytes() {
    # shellcheck disable=SC2059
    printf "$(printf %s "$1" | sed 's/../\\x&/g')"
}

# seal PLACE VALUE, as ngx_http_zwfw_seal() does

demo_seal() {
    local nonce text mac

    nonce=$(openssl rand -hex 16)
    text=$(printf %s "$2" | openssl enc -sm4-ctr -K "${SEAL:0:32}" \
               -iv "$nonce" | od -An -v -tx1 | tr -d ' \n')
    mac=$({ printf '%s\0' "$1"; demo_bytes "$nonce$text"; } \
          | demo_hmac "$MAC")
    printf 'zs1:%s:%s' "$NUMBER" "$(demo_bytes "$nonce$text$mac" \
        | base64 -w0 | tr '+/' '-_' | tr -d =)"
}

# account N KIND NAME E-MAIL BODY ROLES; a body is its id, or the end of one

demo_account() {
    local id email index role body=${5-}

    [[ $body == *-* || -z $body ]] \
        || body=$(printf '019a0000-0000-7000-8000-%012d' "$body")

    id=$(printf '019a0000-0000-7000-8000-0001%08d' "$1")
    email=$(demo_seal "users.email:$id" "$4")
    index=$NUMBER:$(printf %s "$4" | demo_hmac "$INDEX")

    printf "INSERT INTO zwfw.users (id, kind, name, email, email_index,
        password, created_at) VALUES ('%s', '%s', '%s', '%s', '%s', '%s',
        now()) ON CONFLICT DO NOTHING;\n" \
        "$id" "$2" "$3" "$email" "$index" "$HASH"
    printf "INSERT INTO zwfw.level_proofs VALUES ('%s', 1, 'seeded', now())
        ON CONFLICT DO NOTHING;\n" "$id"
    [ "$2" = staff ] || printf "INSERT INTO zwfw.consents VALUES ('%s',
        '2026-11', now(), 'pc', 'demo') ON CONFLICT DO NOTHING;\n" "$id"

    for role in ${6-}; do
        printf "INSERT INTO zwfw.staff_roles VALUES ('%s', '%s', '%s')
            ON CONFLICT DO NOTHING;\n" "$id" "$body" "$role"
    done
}

# one line an account: number, kind, name, e-mail, body, roles, what it is
# for; of natural persons the last is a number to apply with, of nobody

demo_accounts() {
    local own=9 top=1 what=个体工商户注册登记

    case $1 in
    national) own=15 top=13 what=社会保障卡申领、异地就医备案 ;;
    transport) own=4 top=14 what=道路货物运输经营许可 ;;
    esac

    cat <<TEXT
1|natural|李晓梅|lixiaomei@$1.example|||990102199203150024
2|natural|刘洋|liuyang@$1.example|||990102198807210011
11|staff|赵敏|zhaomin@$1.example|$own|clerk|$what
12|staff|孙立|sunli@$1.example|$own|approver|$what
13|staff|周强|zhouqiang@$1.example|$top|supervisor|
14|staff|何静|hejing@$1.example|$own|item_manager|
15|staff|林峰|linfeng@$1.example|$own|item_editor|
16|staff|冯涛|fengtao@$1.example|$top|operator|
TEXT
    demo_offices "$1"
}

# clerks and approvers of the other bodies that natural persons apply to

demo_offices() {
    local body item clerk approver

    while read -r body item clerk approver; do
        printf '%s|staff|%s|%s@%s.example|%s|%s|%s\n' \
            "$((100 + body * 2))" "${clerk%/*}" "${clerk#*/}" "$1" "$body" \
            clerk "$item" \
            "$((101 + body * 2))" "${approver%/*}" "${approver#*/}" "$1" \
            "$body" approver "$item"
    done < <(case $1 in
    national) echo 13 生育登记 王芳/wangfang 郑伟/zhengwei ;;
    shandong) cat <<TEXT ;;
2 食品经营许可（新办） 王芳/wangfang 郑伟/zhengwei
3 户外招牌设置 吴丹/wudan 许刚/xugang
4 道路货物运输经营许可 马超/machao 罗斌/luobin
5 公共场所卫生许可 高洁/gaojie 梁军/liangjun
7 居住证申领 宋佳/songjia 唐勇/tangyong
8 生育登记 韩雪/hanxue 曹磊/caolei
10 机动车驾驶证期满换证 邓婷/dengting 彭涛/pengtao
11 住房公积金提取（租房） 苏琳/sulin 蒋波/jiangbo
12 社会保障卡申领 沈悦/shenyue 程鹏/chengpeng
TEXT
    esac)
}

demo_accounts_json() {
    demo_accounts "$1" | awk -F'|' -v password="$DEMO_PASSWORD" \
        -v bodies=019a0000-0000-7000-8000- '
        { printf "%s{\"email\": \"%s\", \"password\": \"%s\", " \
                 "\"name\": \"%s\", \"kind\": \"%s\", \"roles\": \"%s\", " \
                 "%s\"%s\": \"%s\"}",
                 NR == 1 ? "[" : ",\n   ", $4, password, $3, $2, $6,
                 $5 ? sprintf("\"body\": \"%s%012d\", ", bodies, $5) : "",
                 $2 == "natural" ? "id_number" : "items", $7 }
        END { print "]" }'
}

# NUMBER and the keys of the newest line of a key file

demo_keys() {
    local master

    read -r NUMBER master < <(grep -v '^#' "$1" | tail -n 1)
    SEAL=$(demo_derive "$master" seal)
    MAC=$(demo_derive "$master" mac)
    INDEX=$(demo_derive "$master" index)
}

# the hash of the password: its cost as a power of two, and its passes

demo_scrypt() {
    local salt

    salt=$(openssl rand -hex 16)
    printf 'scrypt$%d$8$%d$%s$%s' "$1" "$2" "$salt" "$(openssl kdf \
        -keylen 32 -kdfopt "pass:$DEMO_PASSWORD" -kdfopt "hexsalt:$salt" \
        -kdfopt n:$((1 << $1)) -kdfopt r:8 -kdfopt "p:$2" \
        -kdfopt maxmem_bytes:268435456 SCRYPT | tr -d ':\n' | tr A-F a-f)"
}

demo_auth() {
    local n kind name email body roles _

    demo_keys "$2"
    HASH=$(demo_scrypt 15 3)

    echo "BEGIN;"
    while IFS='|' read -r n kind name email body roles _; do
        demo_account "$n" "$kind" "$name" "$email" "$body" "$roles"
    done < <(demo_accounts "$1")
    echo "COMMIT;"
}
