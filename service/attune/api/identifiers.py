"""Names of features that look like what identifies a person by itself: such features do not belong into a model.

A name is judged by what is behind its last dot, without regard to case and to what separates words: `email`, `E-Mail`,
`customer.email` and `emailAddress` are refused, `email_opens` is not.
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import joined
from attune.serving.situation import read_context
from attune.v1.features_pb2 import Features

_SEPARATORS = re.compile(r"[\s_-]+")
_MOST_REMEMBERED = 4096
# Together less than 20 MB: callers may make names and words up, as long as they like.
_LONGEST_REMEMBERED = 4096
# Written without separators.
_IDENTIFIERS = frozenset(
    {
        *("name", "fullname", "firstname", "forename", "givenname", "middlename", "lastname", "surname", "familyname"),
        *("maidenname", "nickname", "username", "customername", "contactname"),
        *("email", "mail", "emailaddress", "mailaddress", "useremail", "customeremail", "contactemail"),
        *("phone", "phonenumber", "telephone", "telephonenumber", "mobilenumber", "mobilephone", "cellphone"),
        *("cellnumber", "faxnumber", "msisdn", "userphone", "customerphone", "contactphone", "whatsapp"),
        *("address", "streetaddress", "postaladdress", "homeaddress", "billingaddress", "shippingaddress"),
        *("deliveryaddress", "ip", "ipaddress", "macaddress", "imei", "imsi", "deviceid", "advertisingid", "cookieid"),
        *("iban", "accountnumber", "bankaccount", "creditcard", "creditcardnumber", "cardnumber", "cvv", "cvc"),
        *("ssn", "socialsecuritynumber", "nationalid", "nationalinsurancenumber", "taxid", "taxnumber", "idnumber"),
        *("passport", "passportnumber", "drivinglicence", "driverslicense", "licenseplate"),
        *("customerid", "userid", "clientid", "personid", "loyaltyid", "membershipid", "loyaltynumber"),
        *("birthdate", "dateofbirth"),
    }
)


@lru_cache(_MOST_REMEMBERED)
def looks_identifying(name: str) -> bool:
    """Tell whether a name of a feature looks like a direct identifier."""
    return _SEPARATORS.sub("", name.rpartition(".")[2]).lower() in _IDENTIFIERS


def identifier_violations(field: str, features: Features, allowed: Collection[str]) -> Iterator[Violation]:
    """Yield features whose names look like direct identifiers.

    Args:
        field: Path of the features.
        features: They.
        allowed: Names that may be used all the same.
    """
    for kind in ("numeric", "categorical", "tags", "dense"):
        for name in getattr(features, kind):
            if looks_identifying(name) and name not in allowed:
                said = "expected no direct identifier of a person (setting customers.identifiers_allowed)"
                yield Violation(f'{field}.{kind}["{name[:40]}"]', f'{said}, got "{name[:40]}"')


class ContextNames:
    """Looks for such names in the contexts of requests: once for all contexts that differ in their numbers only."""

    def __init__(self, allowed: Collection[str] = ()) -> None:
        """Let these names pass."""
        self._allowed = allowed
        self._sound: set[str] = set()

    def check(self, request: DecideEnvelope) -> None:
        """Check the context of a request.

        Raises:
            InvalidInputError: It has a name that looks like a direct identifier, or is none; the violation says which.
        """
        context = joined(request.context)
        names = read_context(context).names
        if len(names) > _LONGEST_REMEMBERED or names not in self._sound:
            if found := tuple(identifier_violations("context", Features.FromString(context), self._allowed)):
                raise InvalidInputError(*found)
            if len(self._sound) >= _MOST_REMEMBERED:
                self._sound.clear()
            if len(names) <= _LONGEST_REMEMBERED:
                self._sound.add(names)
