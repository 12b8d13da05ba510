use super::*;

#[test]
fn what_breaks_within_a_login_is_a_login_that_failed_and_elsewhere_it_is_a_request_that_went_nowhere() {
    for (rejection, kind) in [(Rejection::Internal, "login_failed"), (Rejection::Undecided, "refused")] {
        assert_eq!((rejection.code(), rejection.status()), ("internal", 500));
        assert_eq!(rejection.event().map(EventKind::as_str), Some(kind));
    }
}
