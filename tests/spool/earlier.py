"""A spool as version 0.1 wrote it in format 1, and as a power cut left it: what has been kept must be read for ever.

Outcomes of waiting messages were in their journals alone, the last of them said that the message was finished.
"""

from __future__ import annotations

import base64
import json
import zlib

from fopemta.testing.disk import DoubleDisk

LOGGED = "0BCDFGHJKM0001"  # in the log, with a first outcome
FRESH = "0BCDFGHJKM0002"
BODY = "0BCDFGHJKM0003"  # in the log, its content in bodies/
WAITING = "0BCDFGHJKM0004"  # with one outcome from the log and one since then
WAITING_BODY = "0BCDFGHJKM0005"
DONE = "0BCDFGHJKM0006"  # finished in its first round
WAITED = "0BCDFGHJKM0007"  # finished, and its files were not removed any more
BOTH = "0BCDFGHJKM0008"  # moved, and that was not written to the log any more


def earlier_spool() -> DoubleDisk:
    """A disk with it."""
    disk = DoubleDisk()
    for folder in ("intake", "bodies", "deferred", "corrupt"):
        disk.make_folder(f"/spool/{folder}")
    for path, octets in json.loads(zlib.decompress(base64.b85decode(_FILES.replace("\n", "")))).items():
        disk.make_folder(path.rpartition("/")[0])
        disk.put(path, base64.b64decode(octets))
    for folder in ("/", "/spool", "/spool/deferred"):
        disk.flush_folder(folder)
    return disk


_FILES = r"""
c-rmTSyLNZf~e8Ia>B2!TWA1`Dxw|`8jv7`B{aWj05k$-($LZWy?06&59b)%b?e;j<GUPz!{0)H$lSSiDpUTCcRTmDH#f7L{>^ZFalezu9_0$f
<MK(ANF>tl{_)$p&O9@{XqBJ3$Fp%iRol~AYpu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#
Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf
)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|
t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`
T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=
wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#
Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf
)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|
t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`
T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=
wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypu1`T5GMf)>><=wboi|t+m!#Ypwsk?dm`O`R;GOz1z9Jy}6m~3@<J(?(QyzJE@DEMD{3GC?1zj
qC_IG_xJwIaP{sVzr7o#3b(`KO1jgUB?jr?sMoHo8Doqw#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-
V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv
#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5U
j4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz
7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#Ia
F~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-
V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv
#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5U
j4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz
7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#Ia
F~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#IaF~%5Uj4{R-
V~jDz7-Nhv#u#IaF~%5Uj4{R-V~jDz7-Nhv#u#Iav46L{``d5tcJ6O)Ze}~fi_43<yNlsY>S8C6J<1h|$K{hKkx1<QeR4f}_mAJ+owcgz?j%}A
#lp1P%CADNDy!^=(tI{8O>V|fzMQM&yT|AG+tYgea1rGi<I|&Zs@pD4d#y@huqy4h()Z(GarV$XFYT8mrA0J}9-?|aeAF7zq_iK^qy1=d_!#95
7p-yWzBEtH2I<PEn`(^D#-&AdTFKX@!_xWmp%Oo)avmOYU77Xgwb@`CzURDfAAZ)XT5RriTFFJf*m&%x%h#pxVmz2PC%ty|w%giE#Lu@g&y2r$
+`O5HAJ=Ku65U|Kqwsvr7vo+rvyT5Ap3Cm({P&OV7BlJoe7NegYO`*5TsJ(2L8=j+S2;ZQ=Kc0-!{_GBRd^25&Cf_>rtvnY<QmJcjl%OEjr#M-
=Icw7>SMIpUBr(YhUd5a`og+YoF&4?x^#AOI6KO&!;aj1ukbu}hlNaHa6OH;(JIQ7)~EISGJGVOxzg%vlHWZG+xm18_DSI;-Y4l!yZqQ~RmW%Z
?x=rUnFYJ)ww7T(-p)I%<+|HW++VE9iC!x?+w9xP;VN1smeF})St(Rk(d1?st#4M*(Qeq!+1}=Pw3_Qds&KvCx7nj=qE@UWMknWqM0m_$a<dOo
&Bt!Bx!P?1*7CNKY94mm;dgIm@4M%FPlNd&etxTNt8zOi&Sw4V@EphGL1|tY4aV80eqk}L9*-VR&y%x@;$}ZQbkfby>3nY%wo@1{g+$n94};_I
b(4JP(bFKk`5q4!M|<IG3J-(ga`xr%wWncf?|Lwg$MiSbW7Ta}lKtb&*M`q^XM?amyPL16Javm<JWi^~czlHMbkk|=O*UUYE+tMU(PI=p?z%R+
*na(Ju*%*JkFvLeRc?G$u3m-hbi4gt;W-`GE{DhEy&rAov)s4aIULBVemsso@2kxiZQg$wd(BL{ojCcqgL{5|6(8K)d1es?eWG)od<egI7+k|y
DVM+M=4zA5JlgH%u2RvYGOnyk$<Esc{U~g#+u`O(-YhHY*f$^R(@AOXtUe7NgZRL`y_m-vGTMIrXfr?-VQ`Ly@dm!Gt%j{|AkCYP;d|Zp)7dZ>
Z$JDi2mEI8S(V5ARQc-x_t<S$<L5i+v`bh0)bjA6xchM0YVK}7pPUR^`R#!|ON8f9e(E02!p@p4wu5|hbl$90&Kt?XcH$_ndhIZP!j1?B&!oQ@
z_rUTF-*gAS;x;|GwJ2>``uzG9F#Z9`0L`G*I)g?1oQd#I4(a8i<wD3wTK5(p^->78igo+-iiKk6t>g-_m64R3zbxKzPsK|HnT<V`Jij&m-Tj{
P-r9%R+W19vX-b++Q~|(T90-sn*ka2Tl_sIrDSD$z^=l!U$s+vqkb!%gv-hBd&CDp*zRG!6f&bh>S6Zv;0w>|zSpjVNpx?!kH+Q9<qrmA@ABIL
`Qc@?$u(A;`c<kkDJ?7WMl!5C$!PrAz#II2wMiy3N0X~Xw^$oT^X9x;KMdcqk*u_$tFVJ^x3lf<W~%h&C=0)Iw>X<@Hpc8B47%Fwb_4w347>hr
hW&C7{rI`A!v>mm+ojD65eCbo+sJ-3LuFRocteL-XR`z2jlEe3%1@nX_77&VKWpY&-fp%<YkQ#dQ?>Ya3WMixb71z0g~u?9Z}-V~H{J%Dff)|6
?JC=ju6pfi_=v7{Z;l$J<I1SF{a!z@3MGfZ=DpV5?I1PU46-m&Cc8g9nBJJ(qE;tyR;(_g`eCAziWZ$#X)jv6ImmuAyCqL2)#ur*@zv~h6>sd@
ZmPLGjhJ*t(Y!Y5gaO%^T%{|;$~Y?K;{m?goi}!)bv6vtYAVWgR-4m{)?O-Xl&8UFM!f$QmeATdY|#FX2hQ`-n$Pa`$BD3gM%&M~D#_0C4A~A#
OgLSdUNkd_i*|N1sL%4{ax<SS*Bf8Y_=Wq;4E@#Y5Dvb0K&_vbw?$OHord3gKMd0G^A3NCKi6+xJ^sP(u^7xViGHf`6wj)qX|rB$)~b!ofl<4U
5AtvzfBTqOEo!7Y%diY@25eXXZk`XacvifuHk$QzSj8%{%yBi5ylf;!*=T*WJ@uQ<HWNoQX{0s>XnQlET=wUM?J4VZ^La*HZdR3cs<7^*n%|r@
mFCOaLAn-JsO>%~T_-b_)!WT^cNpxIqpN@Z^N$Aa;NaWAyZd=2jOv9^CzVfh>&<zTYmU3~>TY!Y+90j|`RCn7&b$92=iLeC-T!aTyStM?IOE8t
D!I;XWnP(7a;4qZ7nNV&cpW=l|GLL($?N1d7vr~HC(o<taKJAr#m1_#Iit*ux^FMiKRS~PXD|7$&LF4Xo<WA4&{<#YRdV5wuV<&-Vr5oIg{h`K
oLAOi2j!x5rCy$N=jEw0$Y1LWGQ1SJ&Q)*z@C@?uyFq*K`3$mB>?}L2LO645q@%F2qGDtH`WfWapS~iUIfMMGtVp}gAphrAq~9OhZ(Z9+)kdAk
a2CZ^^6FQK_`1UD7tpR=Tak88CynQ88`ZB?rp|ZQHuB3b!HlDIcN(or@kOIVH#eMj=8a`ovBCk^oK@zXbhmz$vNHWLE7Q22uHAgMDqY^(&3g~u
4$$m+P|Sp1<Z$`jMUe6JLvMPqllc56`F{@j7klZw-QHe5k=(nu-2afe?Da1Oy9epi!R7wN-rr|8-;Mt4Z5R!sUaAoe(dKo3bGbDBL5I(Oj!yUL
&6C!maFMw_-G912&z*ei&n^xcXN7Y1)6LcH;me<ool0$1${tn^56ABt$@AHLw*Ayyy}$dAzgkUFd)3bm%zpWreEe52+We$aBAR8-a=m4?w{D)D
U(QpVVQQI59-Y1KPwuXB$M@sjcFOtPvKXCjroyn?%u<_aX_8MrAA#}5<MtlOY(L&(XGe~pU*ZS~zhgHwoOKTqCz-2cv2m3@`q6lO8E>P-%fLR4
|Gq12A~`vKUwHadOq`daQo6l!ox5H32Fv67?6kA<DU*8Tw#V|%zwMF#3*GkkYn?Wn9{+n!&!hi~H&(R2+)o{prazuH;(1|s9FB!{HvYQ!bo!>B
t|b28c>nzPX+J%D?54|M-uQNV#P?T+t>xxx!{_GVxcvT>RiaYQ|L&Gm<!E>P-?(KJKc_@HU0YrJa64apyPdCxqe0l`-@Lq-k7oVim$7%*OlF>s
`|MlCeYV#5{LexmUfVjGdEmHsceXg3SEh^O<)U*iU7X}T?9BI@XW?hweJph@UpekqU){UjJkO{;SiGz`=ezNKS@+tv@it6vUh-Ub!}HH<?tzEz
``<sFH*?GVk6*@x@m?xs?tlDpp&Z{99Ebh77xu;8X6+l7cB|7_qu!WRYG19Poz`NrE`Bv9PrJwQ%e&}#PCHzl&1>Uu%<XU2-gw^}{K5S3`S-}K
!r9JKco}#fkCj@pQfU^l_3cZ(<$C-6gl``c-*X>M^5Lc7W-bZq?r3{V#cNSAlMUbFGG0^KiD9nZ%+$~GVP4%{9~#H+(%Rl`?QD+6LD=?#S?00x
{PJ$t-mYUW?=@&w?!KPaF2k`AKDQ2Y<l}Z9mByFtWTqRx#7$jQj-Gz@T&KT$8G}#p$xd;!U42gaA1CjVg~4HJ|FrWoDJS-$_2W_g(<E0q=}mXi
ubk_wUOU$b+w1(xxlS~>+W2<e&4y#DkcfSAJNVpr&@XWwbosMmangG^`KjD|Iqz;~r;USQ>n_)=53|GeuveR%)}!*%&TZjvnK<jea^Agt@5|4P
#WUmW*BEc@&AVW4`}4t<dGPA3vG*zcGWPBU;qQ~x_Vr(Tw|~^Q9$d}CvV7HCf6Vvy_G{Tzuhy@oTf@X#V=tc9=e65TdOI%u7u{6)(R=2cyKUCj
<-hqgQuSYdjWqjm?i9|!fBarXm&#w>UiPx)EZ#cqQ!nQ~x&G#2PkVb7-e``-&E9O4C}n1+o!ZTCFFD*lZYSP%X6xJZ$5)U0@=u@l=SDBD{LeN&
y*Jpz#YwwYE=0X(`Tk&aIw~FH&z8rZio@$#ZFsa=@4s^1pM3Saf3>^XUhSQxzdHY4KYxCEE?O+C!Z?cGlN<I+bLO?dukqU8XRkr!b`D;ynC>jT
T!T8C-%V2w>r8!m+fEnD?e~ktdfmB6?i?O{xHwyv-x`yD?lq`}YfyiYYfu%}p#CSWLFL{$?(<L6&;LAsAFq$u?OGJg)0d6AvxCX)r*@|jolWYU
<J0`A*K6#YT{a)iUOn!w)2Upedwy6At6S-5R%zV!51SuSgQrjLm!;??^Vs<OGwZFF3lXP#@!!+UJ)Ul-dvN`9+&{d&YJ9p$<noKvL2k94Cl}?L
#}A`i=9N32o!9Ps#>dw4ozKp9cRu~Ul)wJ}OG!@qsl8dQdiOm3qPNCh^Xz5(HR79w+4}ZY%uQz4tDasTl&&XFnVa_)-NV#%_jK86Ue<~q?`MU#
#^0a&2GH?e=j}FOe8$`2yLGRWjE;V{?yXMaZSb?}-cQYg@$uBX?aycH-gbW9oZJ5NwW)0X<I4s5`}q8*c)q>+oXllbsk5tx(yY)ss%Abt3{(Bt
VmW)ftDUUIA6~gmT6y(4Y2&ey+nlHGRnFZT{zb1*eSL5E&Gor>n*aRI&iz;GbLnb0Nu8X09PT_`-0fw0{SSAoyI#FK9rlm!3sL9Q{}T7}>vQ+z
r)Q_tFY9w>nqS}5`i16V-dc7>A8MtY(sFipzx?!}(a*l`F8_pgCRv|<f%W<M-9?|*=h9o_ulMq*G<z4X%t!Z|@t1pl-zuLz-sjTERAQ%`+u6%4
s<~EkQhGYbemH;1css1O!+JaH|Gu}we*H$l+09@YzwPhcfBqM0>0&7
"""
