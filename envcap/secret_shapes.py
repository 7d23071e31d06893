# SPDX-License-Identifier: Apache-2.0
"""What credentials look like: one row a kind, from the issuers' own descriptions of their formats.

Most texts are done after a few searches for the clues, which are plain text. The group ``s`` is the secret; ``v`` is one only if the
value can be (`envcap.redact` decides); without either, all of the match is. No quantifier repeats another over the same
characters, so the time is linear.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ("SHAPES", "Shape")


class Shape:
    """What one kind of credential looks like.

    Attributes
    ----------
    kind : `str`
    clues : sequence of `str`
        One of them, in lower case, stands in all that the pattern matches.
    pattern : `str`
    can_match : callable
        Whether a part of a text, in lower case and with a clue, can match at all: it takes less time than to look.
    """

    __slots__ = ("can_match", "clues", "kind", "pattern")

    def __init__(
        self, kind: str, clues: tuple[str, ...], pattern: str, can_match: Callable[[str], bool] | None = None
    ) -> None:
        self.kind = kind
        self.clues = clues
        self.pattern = pattern
        self.can_match = can_match or bool


def _assigns(part: str) -> bool:
    return "=" in part or ":" in part or "<-" in part


def _has_words(part: str) -> bool:
    return len(part.split(None, 1)) > 1


def _has_tag(part: str) -> bool:
    return "<" in part


def _has_at(part: str) -> bool:
    return "@" in part


def _has_query(part: str) -> bool:
    return "?" in part or "&" in part or ";" in part


def _has_colon(part: str) -> bool:
    return ":" in part


def _has_four_colons(part: str) -> bool:
    return part.count(":") > 3


def _has_two_dots(part: str) -> bool:
    return part.count(".") > 1


_LONG = (
    r"pass(?:word|wd|[_-]?phrase|code|wort)|secret(?:[_-]?id)?|token|credentials?|cookie|authorization|macaroon"
    r"|connection[_-]?string"
)
_KEYS = (
    r"(?:api|access|private|secret|auth|account|encryption|signing|master|license|consumer|application|app|client|storage"
    r"|session|deploy|service|subscription)[_-]?key(?:[_-]?data|[_-]?base64)?"
)
_SHORT = (
    r"session[_-]?id|(?<![a-z0-9])(?:_?auth|auth[_-]?string|pwd|jwt|otp|psk|keytab|bw_session)|(?<=_)pat|sonar\.login"
    r"|(?<![a-z0-9])(?<!band[_-])(?<!high[_-])(?<!low[_-])pass"
)
# The names that tell, with the clues to each group: most texts have "path", few have "password".
_NAMES = (
    (_LONG, ("passw", "pass_p", "pass-p", "passp", "passc", "secret", "token", "credential", "cookie", "authorization",
             "macaroon", "connection")),
    (_KEYS, ("key",)),
    (_SHORT, ("session", "auth", "pwd", "jwt", "otp", "psk", "keytab", "_pat", "sonar.", "pass")),
)  # fmt: skip
_TO = r"\d* *\\?(?:''|[\"'])?\]?\s*(?::=|=>|<-|={1,2}|:\s*[a-z_][\w.\[\]|, ]*=|:)\s*[rbfu]{0,2}"
_OPTION = r"(?<![\w-])--?(?!no-)(?:[a-z0-9]+[_-])*"
_HEADER_END = r"[^\r\n'\"<>]*(?:(?:(?<==)|(?<== ))\"[^\"\r\n<>]*\"[^\r\n'\"<>]*)*"

SHAPES: tuple[Shape, ...] = (
    # RFC 7468 and its kin; a key that was cut short counts too.
    Shape("private-key", ("private key",), r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?P<s>[^<].*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY|\Z)"),
    Shape("private-key", ("private-lines:",), r"Private-Lines:\s*\d+\s+(?P<s>[A-Za-z0-9+/=\s]+)"),
    Shape("private-key", ("private-mac:",), r"Private-MAC:\s*(?P<s>[0-9a-f]+)"),
    # The same in base64: the kinds of key whose name follows "-----BEGIN ".
    Shape("private-key", ("ls0tls1crudjti",), r"LS0tLS1CRUdJTi(?:BSU0|BFQy|BQUk|BFTk|BPUE|BEU0|BQR1)[A-Za-z0-9+/=]+"),
    Shape("age-key", ("age-secret-key-",), r"AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{40,}"),
    # RFC 3986, section 3.2.1. In http the user name alone can be a token; elsewhere it is a name.
    Shape("url-credentials", ("://",), r"(?i)\b(?:[a-z0-9.-]{1,20}\+)?https?://(?P<s>[^\s/?#'\"<>]+)@", _has_at),
    Shape("url-credentials", ("://",), r"(?i)\b[a-z][a-z0-9+.-]{0,40}://[^\s/?#'\"<>@:]*:(?P<s>[^\s/?#'\"<>]+)@", _has_at),
    # A password that should have been quoted, in the URLs that people write by hand; and a long user name that is a token.
    Shape("url-credentials", ("://",), r"(?i)\b(?:amqps?|rediss?|(?:mysql|mariadb|postgres(?:ql)?|mssql|oracle)(?:\+\w+)?|mongodb(?:\+srv)?|ldaps?)"
                                  r"://[^\s:@/'\"<]*:(?P<s>[^\s'\"<>]+)@", _has_at),
    Shape("url-credentials", ("://",), r"(?i)\b[a-z][a-z0-9+.-]{0,40}://(?P<s>(?=[a-z_-]*\d)[a-z0-9_-]{20,})@", _has_at),
    Shape("url-parameter", ("%3d",), r"(?i)(?:pwd|password)%3D(?P<s>[^&\s'\"<>]+?)(?=%3B[A-Za-z]|&|\s|['\"]|$)"),
    Shape("url-credentials", ("jdbc:",), r"(?i)\bjdbc:[a-z0-9:]+:[^\s/:@'\"]+/(?P<s>[^\s@'\"<]+)@", _has_at),
    Shape("url-parameter", ("=",), r"(?i)[?&;](?:[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|signature|credential|[_-]?key|auth|jwt"
                              r"|session|cookie)|sig|code|pwd)=(?P<s>(?!\{)[^&\s'\"<>;]{4,})", _has_query),
    Shape("conda-token", ("/t/",), r"(?i)\b[a-z][a-z0-9+.-]{0,40}://[^\s'\"]*?/t/(?P<s>[a-z0-9_-]{8,})(?=/|\s|['\"]|$)"),
    # RFC 9110, section 11.6.2, and the headers that issuers use instead.
    Shape("http-header", ("authorization",), r"(?i)\b(?:proxy-)?authorization\\?['\"]?\s*[:=]\s*\\?['\"]?(?P<s>[^\s'\"<>]" + _HEADER_END + ")"),
    Shape("http-header", ("cookie",), r"(?i)\b(?:set-)?cookie2?\\?['\"]?\s*:\s*\\?['\"]?(?P<s>[^\s'\"<>]" + _HEADER_END + ")"),
    Shape("http-header", ("-token", "key", "x-"),
     r"(?i)\b(?:x-[a-z0-9-]*(?:token|key|auth|secret|signature|password|session|art-api)[a-z0-9-]*|(?:private|job|deploy|auth|access)-token"
     r"|(?:dd|ocp-apim-subscription|api)-(?:api-|application-)?key|apikey)\\?['\"]?\s*:\s*\\?['\"]?(?P<s>[^\s'\"<>,;]{6,})", _has_colon),
    Shape("bearer-token", ("bearer", "basic", "negotiate", "ntlm"),
     r"(?i)\b(?:bearer|basic|negotiate|ntlm)\s+(?P<s>(?=[^\s'\"<>]*[0-9=])[A-Za-z0-9._~+/=:-]{12,})"),
    # RFC 7519: every JSON Web Token, thus SciTokens and WLCG tokens.
    Shape("json-web-token", ("eyj",), r"\beyJ[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_=+/-]*){1,4}"),
    Shape("macaroon", ("mda", "agel", "agei"), r"\b(?:MDA[0-9a-zA-Z]|AgE[A-Za-z]|AgI[A-Za-z])[A-Za-z0-9+/_=-]{60,}"),
    # Clouds.
    Shape("aws-key", ("absk",), r"\bABSK[A-Za-z0-9+/=]{60,}"),
    Shape("aws-key", ("amzn.mws.",), r"\bamzn\.mws\.[0-9a-f-]{36}"),
    Shape("aws-key", ("akia", "asia", "abia", "acca", "aroa", "aida"), r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[0-9A-Z]{16}\b"),
    Shape("google-key", ("aiza",), r"\bAIza[0-9A-Za-z_-]{35}"),
    Shape("google-token", ("ya29.",), r"\bya29\.[0-9A-Za-z_.-]{20,}"),
    Shape("google-token", ("gocspx-",), r"\bGOCSPX-[0-9A-Za-z_-]{20,}"),
    Shape("google-token", ("1//0",), r"\b1//0[0-9A-Za-z_-]{30,}"),
    Shape("azure-secret", ("q~",), r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    Shape("azure-secret", ("+acr",), r"\b[A-Za-z0-9/+]{42}\+ACR[A-Za-z0-9]{6}"),
    Shape("alibaba-key", ("ltai",), r"\bLTAI[A-Za-z0-9]{12,24}\b"),
    Shape("tencent-key", ("akid",), r"\bAKID[A-Za-z0-9]{16,40}\b"),
    Shape("digitalocean-token", ("_v1_",), r"\bdo[opr]_v1_[0-9a-f]{64}"),
    Shape("yandex-key", ("aqvn",), r"\bAQVN[A-Za-z0-9_-]{35,}"),
    Shape("yandex-key", ("t1.9",), r"\bt1\.9[A-Za-z0-9_.-]{20,}"),
    Shape("scaleway-key", ("scw",), r"\bSCW[A-Z0-9]{17}\b"),
    Shape("cloudflare-token", ("v1.0-",), r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{100,}"),
    Shape("flyio-token", ("fm1", "fm2", "fo1"), r"\b(?:fm[12][ar]?|fo1)_[A-Za-z0-9+/=_,-]{20,}"),
    Shape("heroku-token", ("hrku-",), r"\bHRKU-[A-Za-z0-9_-]{36,}"),
    Shape("netlify-token", ("nfp_",), r"\bnfp_[A-Za-z0-9]{36,}"),
    Shape("planetscale-token", ("pscale_",), r"\bpscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._-]{20,}"),
    Shape("supabase-token", ("sbp_",), r"\bsbp_[0-9a-f]{40}"),
    Shape("tailscale-key", ("tskey-",), r"\btskey-[a-z]+-[A-Za-z0-9-]{20,}"),
    # Forges and what builds for them.
    Shape("github-token", ("gho_", "ghp_", "ghu_", "ghs_", "ghr_"), r"\bgh[opusr]_[A-Za-z0-9]{20,}"),
    Shape("github-token", ("github_pat_",), r"\bgithub_pat_\w{20,}"),
    Shape("github-token", ("v1.",), r"\bv1\.[0-9a-f]{40}\b"),
    Shape("gitlab-token", ("gl",), r"\bgl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct|wt)-[A-Za-z0-9_.=-]{16,}"),
    Shape("gitlab-token", ("gr1348941",), r"\bGR1348941[A-Za-z0-9_-]{20,}"),
    Shape("atlassian-token", ("atbb", "att3", "ctt3", "atcf"), r"\bAT(?:BB|ATT3|CTT3|CFE)[A-Za-z0-9+/=_-]{20,}"),
    Shape("azure-devops-token", ("azdo",), r"\b[A-Za-z0-9]{70,76}AZDO[A-Za-z0-9]{4}\b"),
    Shape("phabricator-token", ("api-", "cli-"), r"\b(?:api|cli)-[a-z0-9]{28}\b"),
    Shape("circleci-token", ("cci",), r"\bCCI(?:PAT|PRJ)_[A-Za-z0-9_]{20,}"),
    Shape("buildkite-token", ("bk",), r"\bbk(?:ua|at|ct)_[0-9a-zA-Z]{40}"),
    Shape("sonar-token", ("sq",), r"\bsq[pua]_[0-9a-f]{40}"),
    # Registries of packages and images.
    Shape("npm-token", ("npm_",), r"\bnpm_[A-Za-z0-9]{30,}"),
    Shape("pypi-token", ("pypi-ag",), r"\bpypi-Ag[A-Za-z0-9_-]{40,}"),
    Shape("rubygems-key", ("rubygems_",), r"\brubygems_[0-9a-f]{40,}"),
    Shape("crates-token", ("cio",), r"\bcio[A-Za-z0-9]{32}\b"),
    Shape("docker-token", ("dckr_",), r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    Shape("artifactory-key", ("akcp",), r"\bAKCp[A-Za-z0-9]{50,}"),
    Shape("artifactory-key", ("cmvmdgtu",), r"\bcmVmdGtu[A-Za-z0-9+/=]{20,}"),
    Shape("clojars-token", ("clojars_",), r"\bCLOJARS_[0-9a-f]{60}"),
    Shape("nuget-key", ("oy2",), r"\boy2[a-z0-9]{43}\b"),
    # Chat, payment, mail.
    Shape("slack-token", ("xox",), r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9%-]{10,}"),
    Shape("slack-token", ("xapp-",), r"\bxapp-\d-[A-Za-z0-9-]{10,}"),
    Shape("webhook", ("hooks.slack.com",), r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[A-Za-z0-9/_-]{10,})"),
    Shape("webhook", ("/api/webhooks/",), r"discord(?:app)?\.com/api/webhooks/\d+/(?P<s>[A-Za-z0-9_-]{20,})"),
    Shape("webhook", ("webhook.office.com",), r"webhook\.office\.com/webhookb2/(?P<s>[A-Za-z0-9@/_-]{20,})"),
    Shape("discord-token", ("m", "n", "o"), r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}", _has_two_dots),
    Shape("telegram-token", (":aa",), r"(?:\b|bot)\d{8,10}:AA[A-Za-z0-9_-]{32,34}"),
    Shape("stripe-key", ("_live_", "_test_"), r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}"),
    Shape("stripe-key", ("whsec_",), r"\bwhsec_[A-Za-z0-9+/=]{20,}"),
    Shape("twilio-key", ("sk",), r"\bSK[0-9a-f]{32}\b"),
    Shape("sendgrid-key", ("sg.",), r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    Shape("mailgun-key", ("key-",), r"\b(?:pub)?key-[0-9a-f]{32}\b"),
    Shape("mailgun-key", ("-",), r"\b[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b"),
    Shape("mailchimp-key", ("-us",), r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    Shape("shopify-token", ("shp",), r"\bshp(?:at|ca|pa|ss|ua|tka)_[0-9a-fA-F]{32}"),
    Shape("square-token", ("sq0",), r"\bsq0[a-z]{3}-[A-Za-z0-9_-]{22,}"),
    Shape("square-token", ("eaaa",), r"\bEAAA[A-Za-z0-9_-]{40,}"),
    Shape("facebook-token", ("eaa",), r"\bEAA[A-Za-z0-9]{60,}"),
    Shape("paypal-token", ("access_token$",), r"access_token\$(?:production|sandbox)\$[0-9a-z]{10,}\$[0-9a-f]{32}"),
    Shape("brevo-key", ("xkeysib-", "xsmtpsib-"), r"\bx(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    Shape("twitter-token", ("aaaaaaaaaaaaaaaaaaaaa",), r"\bA{20,}[A-Za-z0-9%]{40,}"),
    Shape("dropbox-token", ("sl.",), r"\bsl\.(?:u\.)?[A-Za-z0-9_-]{80,}"),
    Shape("hubspot-token", ("pat-",), r"\bpat-(?:na|eu|ap)\d-[0-9a-f-]{36}"),
    Shape("adobe-secret", ("p8e-",), r"\bp8e-[A-Za-z0-9_-]{32}"),
    Shape("easypost-key", ("ezak", "eztk"), r"\bEZ[AT]K[A-Za-z0-9]{54}"),
    # Models and data.
    Shape("model-key", ("sk-",), r"\bsk-[A-Za-z0-9_-]{20,}"),
    Shape("model-key", ("hf_", "gsk_", "r8_", "api_org_"), r"\b(?:hf|gsk|r8|api_org)_[A-Za-z0-9]{20,}"),
    Shape("model-key", ("xai-", "pplx-", "nvapi-"), r"\b(?:xai|pplx|nvapi)-[A-Za-z0-9_-]{20,}"),
    Shape("model-key", ("wandb_v1_",), r"\bwandb_v1_\w{20,}"),
    Shape("model-key", ("lsv2_",), r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    Shape("kaggle-key", ("key",), r"[\"']key *[\"']\s*:\s*[\"'](?P<s>[0-9a-f]{32})"),
    # Rubin's own: Gafaelfawr's tokens (SQR-069).
    Shape("gafaelfawr-token", ("gt-", "gs-"), r"\bg[ts]-[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}"),
    Shape("prefect-key", ("pnu_", "pnb_"), r"\bpn[ub]_[A-Za-z0-9]{36}"),
    Shape("databricks-token", ("dapi", "dkea", "dose"), r"\b(?:dapi|dkea|dose)[0-9a-f]{32}(?:-\d)?"),
    # Observability and infrastructure.
    Shape("newrelic-key", ("nr",), r"\bNR(?:AK|AA|RA|SP|JS|II|BR)-[A-Za-z0-9_-]{16,}"),
    Shape("newrelic-key", ("nral",), r"\b[0-9a-fA-F]{32,40}NRAL\b"),
    Shape("sentry-token", ("sntry",), r"\bsntry[su]_[A-Za-z0-9+/=_-]{20,}"),
    Shape("grafana-token", ("glsa_", "glc_"), r"\b(?:glsa_[A-Za-z0-9]{20,}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/=]{20,})"),
    Shape("grafana-token", ("eyjrijoi",), r"\beyJrIjoi[A-Za-z0-9+/=]{30,}"),
    Shape("honeycomb-key", ("x-honeycomb-team",), r"(?i)\bx-honeycomb-team\s*:\s*(?P<s>[^\s'\"<]{16,})"),
    Shape("launchdarkly-key", ("sdk-", "mob-", "api-"), r"\b(?:sdk|mob|api)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    Shape("dynatrace-token", ("dt0",), r"\bdt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    Shape("vault-token", ("hvs.", "hvb.", "hvr."), r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    Shape("vault-token", ("s.",), r"\b[sb]\.[A-Za-z0-9]{24}\b"),
    Shape("terraform-token", (".atlasv1.",), r"\b[A-Za-z0-9]{10,20}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
    Shape("pulumi-token", ("pul-",), r"\bpul-[0-9a-f]{40}"),
    Shape("doppler-token", ("dp.",), r"\bdp\.(?:pt|st|ct|scim|audit|said|sa)\.(?:[a-z0-9_-]+\.)?[A-Za-z0-9]{30,}"),
    Shape("linear-key", ("lin_",), r"\blin_(?:api|oauth)_[A-Za-z0-9]{30,}"),
    Shape("notion-token", ("ntn_", "secret_"), r"\b(?:ntn_[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{40,})"),
    Shape("figma-token", ("fig",), r"\bfig[duo]r?_[A-Za-z0-9_-]{20,}"),
    Shape("postman-key", ("pmak-",), r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Shape("airtable-token", ("pat",), r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{40,}"),
    Shape("youtrack-token", ("perm",), r"\bperm[:-][A-Za-z0-9+/=]+\.[A-Za-z0-9+/=]+\.[A-Za-z0-9+/=]{20,}"),
    Shape("onepassword-token", ("ops_ey",), r"\bops_ey[A-Za-z0-9+/=_-]{40,}"),
    Shape("onepassword-key", ("a3-",), r"\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{5,6}-){3,4}[A-Z0-9]{5}\b"),
    Shape("contentful-token", ("cfpat-",), r"\bCFPAT-[A-Za-z0-9_-]{40,}"),
    # crypt(5), as htpasswd and shadow hold it: it can be guessed from.
    Shape("password-hash", ("$",), r"\$(?:apr1|2[abxy]|1|5|6|y|gy|7|argon2(?:id?|d)|scrypt)\$[A-Za-z0-9./$=,+_-]{16,}"),
    Shape("password-hash", ("scram-sha-256$",), r"SCRAM-SHA-256\$\d+:(?P<s>[^\s'\"<]+)"),
    # netrc(5), and pgpass as libpq's manual describes it.
    Shape("netrc-password", ("password",), r"(?i)\b(?:machine|login|account|default)(?:\s+\S+)?[\s+-]+password\s+(?P<s>[^\s<'\"]+)"),
    Shape("netrc-password", ("password",), r"(?i)\bmachine\s+\S+[\s+-]+password\s+(?P<s>[^\s<'\"]+)"),
    Shape("pgpass-password", (":",), r"(?m)(?:^|[\"'+=\s])[^\s:#\"'=]+:(?:\d{2,5}|\*):[^\s:]+:[^\s:]+:(?P<s>(?=[^\s:]*\d)(?=[^\s:]*[A-Za-z])[^\s:<\"']{8,})(?=[\"'\s]|$)", _has_four_colons),
    Shape("kubernetes-secret", ("kind: secret",), r"(?m)^\+?\s+[\w.-]+:\s+(?P<s>[A-Za-z0-9+/]{8,}={0,2}) *$"),
    # What curl and wget keep cookies in, and what OpenVPN has within its own tags.
    Shape("cookie-jar", ("true\t", "false\t"), r"(?m)^\+?[^\s#]\S*\t(?:TRUE|FALSE)\t\S+\t(?:TRUE|FALSE)\t\d+\t[^\t\n]+\t(?P<s>[^\s<]+)"),
    Shape("netrc-password", ("<auth-user-pass>",), r"(?i)<auth-user-pass>\s+\S+\s+(?P<s>[^\s<]\S*)"),
    # Options that don't say what they hold.
    Shape("command-line", ("sshpass",), r"\bsshpass\s+-p\s*['\"]?(?P<s>[^\s<'\"]+)"),
    Shape("command-line", ("mysql", "mariadb"), r"\b(?:mysql|mariadb)\w*\s[^\n|;]{0,200}?(?<=\s)-p(?P<s>[^\s<'\"-][^\s'\"]*)"),
    Shape("command-line", ("curl", "wget", "http"),
     r"\b(?:curl|wget|https?)\s[^\n|;]{0,200}?(?<=\s)(?:-u|--user|-a|--auth|-U|--proxy-user)[\s=]?['\"]?[^\s:'\"<]*:(?P<s>[^\s'\"<]+)"),
    Shape("command-line", ("redis-cli",), r"\bredis-cli\s[^\n|;]{0,200}?(?<=\s)-a\s*(?P<s>[^\s<]\S*)"),
    Shape("command-line", ("ldap",), r"\bldap\w+\s[^\n|;]{0,200}?(?<=\s)-w\s*(?P<s>[^\s<]\S*)"),
    Shape("command-line", ("login",), r"\b(?:docker|podman|buildah|skopeo|helm)\s[^\n|;]{0,200}?\blogin\b[^\n|;]{0,200}?(?<=\s)-p[\s=]*(?P<s>[^\s<-]\S*)"),
    Shape("command-line", ("%",), r"(?<=\s)-U\s*[^\s%<]+%(?P<s>[^\s<'\"]+)"),
    Shape("command-line", ("--body",), r"\bgh\s+secret\s+set\s[^\n]*?--body[\s=]+['\"]?(?P<s>[^\s'\"<]+)"),
    Shape("command-line", ("pass",), r"(?<![\w-])--?(?:\w*(?:store|key)pass|pass(?:in|out))[\s=]+(?:pass:)?['\"]?(?P<s>(?!pass:<)[^\s'\"<]+)"),
    Shape("command-line", ("7z", "zip", "rar"), r"\b(?:7z[ar]?|zip|unzip|u?n?rar)\s[^\n|;]{0,200}?(?<=\s)-(?:p|P\s+)(?P<s>[^\s<]\S*)"),
    Shape("command-line", ("htpasswd",), r"\bhtpasswd\s+-\w*b\w*\s+\S+\s+\S+\s+(?P<s>[^\s<'\"]+)"),
    Shape("command-line", ("auth",), r"(?i)(?:\bauth\s*=\s*\(|(?:basic|digest)auth\()\s*\\?[\"'][^\"'\n]*[\"']\s*,\s*\\?[\"'](?P<s>[^\"'\n<\\]+)"),
    *(Shape("command-line", clues, rf"(?i){_OPTION}(?:{names})\s+(?P<q>['\"])(?P<v>[^'\"\n<]+)", _has_words) for names, clues in _NAMES),
    *(Shape("command-line", clues, rf"(?i){_OPTION}(?:{names})\s+(?P<v>[^\s'\"<-][^\s'\"<]*)", _has_words) for names, clues in _NAMES),
    # A line of a configuration file is a name and its value, which may have spaces in it.
    *(Shape("config-line", clues, rf"(?im)^[+ \t-]*[\w.-]*(?:{names})[ \t]*[:=][ \t]*(?![\w.]+[(\[])(?P<v>[^\s<\"'{{\[|>`$][^\n<]*)$", _assigns)
      for names, clues in _NAMES[:2]),
    # Names and values apart: csh, fish, Dockerfiles, XML, the environments of Kubernetes.
    *(Shape("assigned", clues, rf"(?i)\b(?:setenv|env|set\s+-\w+)\s+\w*(?:{names})\s+['\"]?(?P<v>[^\s'\"<=][^\s'\"<]*)", _has_words) for names, clues in _NAMES),
    *(Shape("assigned", clues, rf"(?i)\b(?:key|name) *['\"]?\s*[=:]\s*['\"]?[\w.-]*(?:{names}) *['\"]?,?\s+\+?\s*"
                          rf"['\"]?value *['\"]?\s*[=:]\s*['\"]?(?P<v>[^\s'\"<>]+)", _has_words) for names, clues in _NAMES),
    *(Shape("assigned", clues, rf"(?i)(?:{names})[\w.-]*\s+(?P<r>[^\s'\"<>]+)", _has_words) for names, clues in _NAMES),
    *(Shape("assigned", clues, rf"(?i)(?:{names}){_TO}[|>][+-]?\s*\n\+?\s+(?P<v>[^\s<]\S*)", _assigns) for names, clues in _NAMES),
    Shape("assigned", ("key",), rf"(?i)[a-z0-9][_-]?key(?:_base)?{_TO}\\?[\"']?(?P<r>[^\s\"'<>,;\\]+)", _assigns),
    # A name that tells, and the value that it is given in ini, shell, YAML, JSON, TOML, Python, ODBC, and XML.
    *(Shape("assigned", clues, rf"(?i)(?:{names}){_TO}(?P<q>\\?(?:''|[\"']))(?P<v>(?:(?!(?P=q))[^\n<])+)", _assigns) for names, clues in _NAMES),
    *(Shape("assigned", clues, rf"(?i)(?:{names}){_TO}\{{(?P<v>[^{{}}\s<]+)\}}", _assigns) for names, clues in _NAMES),
    *(Shape("assigned", clues, rf"(?i)(?:{names}){_TO}(?P<v>[^\s\"'<>,;{{}}()\[\]]++)(?![(\[{{])", _assigns) for names, clues in _NAMES),
    *(Shape("assigned", clues, rf"(?i)<\w*(?:{names})>(?P<v>[^<\n]+)", _has_tag) for names, clues in _NAMES),
)  # fmt: skip
"""In the order in which they are looked for."""
