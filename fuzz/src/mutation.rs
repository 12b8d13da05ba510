//! [`Mutator`]: the same changes to a corpus at every run.

/// The longest input that is made: more than any header, path or setting may be.
const LONGEST: usize = 80_000;
/// The most changes to one input.
const CHANGES: u64 = 6;

/// Bytes that mean something somewhere.
const MARKS: &[u8] = b" \t\n\r;,=/.%*\"'{}[]0A\xc3\xa0\xff";

/// What people put in who mean no good, for every target at once.
const WORDS: &str = r#"/ // /./ /../ .. . \ ; ;x %2f %2F %5c %252f %25252f %2e %2E%2e %00 %ff %c0%af %C3%A9 %0d%0a ? # & = == + %
/open/ /admin/ /.auth/ /.auth/login /read/ /optional/ /files/ * ** *.html @ : [::1] 127.0.0.1 localhost evil.test
https:// http:// //evil.test javascript: https://docs.example.com https://docs.example.com@evil.test
portcullis= __Host-portcullis= __Secure-portcullis-hint= portcullis-login-x= __Host-portcullis-login- a=1 "," , ",
GET POST OPTIONS HEAD get $ADA $BOB $STATE $PENDING $NONCE $ISSUER
{ } [ ] null true false 0 -1 1e400 18446744073709551616 0.5 "" "\u0000" "\ud800" \ {} []
"alg":"none" "alg":"HS256" "alg":"EdDSA" "crit":["x"] "zip":"DEF" "kid":"key-1" "typ":"at+jwt" "iss" "aud" "azp" "sub" "nonce" "exp" "iat" "nbf"
"email_verified":"true" "groups":["admins"] "acr" "amr" "auth_time" "allow" "require" "deny" "none" "any" "all" "group" "claim" "max_age"
"path":"/**" "sso":false "sso":"optional" "methods":["GET"] "host" "mode":"report" "id" "origins" "preflight":true
state= code= error= iss= state=$STATE code=x error=access_denied <q7z> <script> "><q7z %3Cq7z%3E
/0 /8 /32 /128 /33 ::ffff:1.2.3.4 :: 255.255.255.255 2001:db8:: 0 1 24"#;

/// Makes inputs of a corpus: deterministic, so that whoever sees one fail sees it again.
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// The one of this seed, for the target of this name.
    pub fn new(seed: u64, target: &str) -> Self {
        // FNV-1a: another sequence for each target.
        let hash = target
            .bytes()
            .fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { state: hash }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// An input made of the corpus.
    pub fn make(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.one_of(corpus);
        for _ in 0..=self.next() % CHANGES {
            self.change(&mut input, corpus);
            input.truncate(LONGEST);
        }
        input
    }

    fn one_of(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let at = self.below(corpus.len());
        corpus.get(at).cloned().unwrap_or_default()
    }

    fn word(&mut self) -> Vec<u8> {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        words[self.below(words.len())].as_bytes().to_vec()
    }

    fn range(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(input.len() + 1);
        start..start + self.below((input.len() - start).min(40) + 1)
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        match self.next() % 12 {
            0 if at < input.len() => input[at] ^= 1 << (self.next() % 8),
            1 if at < input.len() => input[at] = self.next() as u8,
            2 => input.insert(at, MARKS[self.below(MARKS.len())]),
            3..=5 => {
                let word = self.word();
                input.splice(at..at, word);
            }
            6 => {
                let (range, word) = (self.range(input), self.word());
                input.splice(range, word);
            }
            7 => _ = input.drain(self.range(input)),
            8 => {
                let copy = input[self.range(input)].to_vec();
                input.splice(at..at, copy);
            }
            9 => {
                let other = self.one_of(corpus);
                let part = other[self.range(&other)].to_vec();
                input.splice(at..at, part);
            }
            10 => input.truncate(at),
            // Much of the same: what is quadratic shows. Seldom, since it takes long in any case.
            _ if self.next().is_multiple_of(16) => {
                let (word, times) = (self.word(), self.below(20_000));
                input.splice(at..at, word.repeat(times / 4));
            }
            _ => {
                let (word, times) = (self.word(), self.below(120));
                input.splice(at..at, word.repeat(times));
            }
        }
    }
}
